import { hostname } from "node:os";
import { ApiError, type LiveObject } from "../../shared/kubernetes/api-server";
import { UnknownKindError } from "../../shared/kubernetes/errors";
import { Missing, waitFor, WaitTimeout } from "../../shared/kubernetes/wait";
import { identify, isSameProcess } from "../../shared/process-identity";
import type { BenchCluster } from "./cluster";
import { NotMeasurable } from "./request";
import type { CheckContext } from "./scenario-check";

/** In `default`: the namespace exists in every cluster, and more users may write there than in kube-system. */
const type = { apiVersion: "coordination.k8s.io/v1", kind: "Lease" };
const metadata = { namespace: "default", name: "talos-mesh-benchmark" };
const reference = { ...type, ...metadata };

interface LeaseSpec {
  readonly holderIdentity: string;
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly leaseDurationSeconds: number;
}

/** Milliseconds that a benchmark that was just stopped may take to clean up. */
const stopTimeout = 10_000;

/**
 * Makes sure that one benchmark at a time measures on a cluster: two would be each other's load, and each deletes the
 * namespaces of the other. A benchmark holds a Lease and renews it before every step for as long as the step may take.
 */
export class Lease {
  private held: LiveObject | undefined;
  /** Whether there are no Leases, or no right to them. */
  private isUnavailable = false;
  /** Whether another benchmark has taken it, so that the namespaces in the cluster may not be ours any more. */
  lost = false;

  /** @param holder host name, process id and when that process started */
  constructor(
    private readonly context: Pick<BenchCluster, "leases"> & Pick<CheckContext, "log" | "sleep">,
    private readonly holder = [hostname(), process.pid, identify(process.pid)?.startedAt ?? ""].join(" "),
  ) {}

  /** Acquires or renews it. @throws NotMeasurable where another benchmark holds it */
  async hold(seconds: number): Promise<void> {
    const { leases, sleep, log } = this.context;
    if (this.isUnavailable) return;
    const acquire = async () => {
      const found = await leases.get(reference);
      const spec = found?.spec as Partial<LeaseSpec> | undefined;
      if (isFree(spec, this.holder) && (await this.write(seconds, found))) return;
      this.lost ||= this.held !== undefined;
      if (this.lost) throw new NotMeasurable(refusal(spec));
      return new Missing(refusal(spec));
    };
    try {
      await waitFor(acquire, { timeoutMs: stopTimeout, intervalMs: 1000, sleep, retries: () => false });
    } catch (error) {
      if (error instanceof WaitTimeout) throw new NotMeasurable(error.missing);
      if (!(error instanceof UnknownKindError || (error instanceof ApiError && error.status === 403))) throw error;
      log(`Warning: no Lease keeps other benchmarks out (${error.message}); run no other on this cluster`);
      this.isUnavailable = true;
    }
  }

  /** One that cannot be released is free once this process has ended or its time is over. */
  async release(): Promise<void> {
    const resourceVersion = this.held?.metadata.resourceVersion;
    if (resourceVersion === undefined || this.lost) return;
    this.held = undefined;
    const preconditions = { resourceVersion };
    await this.context.leases.delete(reference, undefined, { preconditions }).catch(() => undefined);
  }

  /** False where another benchmark was faster. */
  private async write(seconds: number, found: LiveObject | undefined): Promise<boolean> {
    // Kubernetes accepts exactly six digits of a second.
    const now = new Date().toISOString().replace("Z", "000Z");
    const spec: LeaseSpec = {
      holderIdentity: this.holder,
      acquireTime: (this.held?.spec as LeaseSpec | undefined)?.acquireTime ?? now,
      renewTime: now,
      leaseDurationSeconds: Math.ceil(seconds),
    };
    try {
      this.held = await this.context.leases.write({ ...type, metadata, spec }, found?.metadata.resourceVersion);
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 409) return false;
      throw error;
    }
  }
}

function isFree(spec: Partial<LeaseSpec> | undefined, holder: string): boolean {
  if (!spec?.holderIdentity || spec.holderIdentity === holder) return true;
  return !(expiryOf(spec) > Date.now()) || isGone(spec.holderIdentity);
}

/** Whether it was held by a process of this host that has ended without releasing it. */
function isGone(holder: string): boolean {
  const [host, pid, ...startedAt] = holder.split(" ");
  return host === hostname() && !isSameProcess({ pid: Number(pid), startedAt: startedAt.join(" ") });
}

function expiryOf({ renewTime = "", leaseDurationSeconds = 0 }: Partial<LeaseSpec>): number {
  return Date.parse(renewTime) + 1000 * leaseDurationSeconds;
}

function refusal(spec: Partial<LeaseSpec> = {}): string {
  const [host = "", pid = ""] = spec.holderIdentity?.split(" ") ?? [];
  const expiry = expiryOf(spec);
  return (
    `another benchmark measures on this cluster: process ${pid} on ${host}, since ${spec.acquireTime ?? "?"}; ` +
    `it holds the cluster until ${Number.isNaN(expiry) ? "?" : new Date(expiry).toISOString()}, and longer if it continues\n` +
    `next: wait for it or stop it; if it certainly does not run any more: kubectl -n ${metadata.namespace} delete lease ${metadata.name}`
  );
}
