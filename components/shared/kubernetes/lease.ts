import { hostname } from "node:os";
import { UserError } from "../problem";
import { identify, isSameProcess } from "../process-identity";
import type { ApiServer, LiveObject } from "./api-server";
import { ApiError, UnknownKindError } from "./errors";
import { Missing, type Sleep, waitFor, WaitTimeout } from "./wait";

/** In `default`: the namespace exists in every cluster, and more users may write there than in kube-system. */
const type = { apiVersion: "coordination.k8s.io/v1", kind: "Lease" };
const metadata = { namespace: "default", name: "talos-mesh-measurement" };
const reference = { ...type, ...metadata };

/** What holds it: `the benchmark` or `the verification`. */
const purposeAnnotation = "talos-mesh/purpose";
export type LeasePurpose = "benchmark" | "verification";

interface LeaseSpec {
  readonly holderIdentity: string;
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly leaseDurationSeconds: number;
}

interface LeaseContext {
  readonly leases: Pick<ApiServer, "get" | "write" | "delete">;
  readonly log: (line: string) => void;
  readonly sleep: Sleep;
}

/** Another run holds the cluster, or has taken it over. */
export class LeaseError extends UserError {
  override readonly name = "LeaseError";
}

/** Milliseconds that a run that was just stopped may take to clean up. */
const stopTimeout = 10_000;

/**
 * Makes sure that one benchmark or verification at a time measures on a cluster: two would be each other's load, and each
 * deletes the namespaces of the other. A run holds the one Lease and renews it before every step for as long as the step
 * may take.
 */
export class Lease {
  private held: LiveObject | undefined;
  /** Whether there are no Leases, or no right to them. */
  private isUnavailable = false;
  /** Whether another run has taken it, so that the namespaces in the cluster may not be ours any more. */
  lost = false;

  /** @param holder host name, process id and when that process started */
  constructor(
    private readonly context: LeaseContext,
    private readonly purpose: LeasePurpose,
    private readonly holder = [hostname(), process.pid, identify(process.pid)?.startedAt ?? ""].join(" "),
  ) {}

  /** Acquires or renews it. @throws LeaseError where another run holds it */
  async hold(seconds: number): Promise<void> {
    const { leases, sleep, log } = this.context;
    if (this.isUnavailable) return;
    const acquire = async () => {
      const found = await leases.get(reference);
      const spec = found?.spec as Partial<LeaseSpec> | undefined;
      if (isFree(spec, this.holder) && (await this.write(seconds, found))) return;
      this.lost ||= this.held !== undefined;
      if (this.lost) throw new LeaseError(this.refusal(found));
      return new Missing(this.refusal(found));
    };
    try {
      await waitFor(acquire, { timeoutMs: stopTimeout, intervalMs: 1000, sleep, retries: () => false });
    } catch (error) {
      if (error instanceof WaitTimeout) throw new LeaseError(error.missing);
      if (!(error instanceof UnknownKindError || (error instanceof ApiError && error.status === 403))) throw error;
      log(`Warning: no Lease keeps other runs out (${error.message}); run no other ${this.purpose} on this cluster`);
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

  /** False where another run was faster. */
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
      const lease = { ...type, metadata: { ...metadata, annotations: { [purposeAnnotation]: this.purpose } }, spec };
      this.held = await this.context.leases.write(lease, found?.metadata.resourceVersion);
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 409) return false;
      throw error;
    }
  }

  private refusal(found: LiveObject | undefined): string {
    const { holderIdentity, acquireTime = "?", ...spec } = (found?.spec ?? {}) as Partial<LeaseSpec>;
    const [host = "", pid = ""] = holderIdentity?.split(" ") ?? [];
    const expiry = expiryOf(spec);
    const purpose = found?.metadata.annotations?.[purposeAnnotation] ?? "run";
    const other = purpose === this.purpose ? `another ${purpose}` : `a ${purpose}`;
    return (
      `${other} measures on this cluster: process ${pid} on ${host}, since ${acquireTime}; ` +
      `it holds the cluster until ${Number.isNaN(expiry) ? "?" : new Date(expiry).toISOString()}, and longer if it continues\n` +
      `next: wait for it or stop it; if it certainly does not run any more: kubectl -n ${metadata.namespace} delete lease ${metadata.name}`
    );
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
