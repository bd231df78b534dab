import { hostname } from "node:os";
import { identify, isSameProcess } from "../../shared/process-identity";
import { ApiError, type ApiServer, type LiveObject, UnknownKindError } from "../../shared/kubernetes/api-server";
import { NotMeasurable } from "./not-measurable";

/** In `default`: every cluster has it for ever, and more people may write there than in kube-system. */
const place = {
  ...{ apiVersion: "coordination.k8s.io/v1", kind: "Lease" },
  ...{ namespace: "default", name: "talos-mesh-benchmark" },
} as const;

/** What keeps Leases. */
export type LeaseServer = Pick<ApiServer, "get" | "write" | "delete">;

interface LeaseContext {
  readonly leases: LeaseServer;
  readonly say: (line: string) => void;
  /** Waits for some milliseconds; rejects when the run is to stop. */
  readonly rest: (ms: number) => Promise<unknown>;
}

/** As in a Lease. */
interface Holding {
  readonly holderIdentity: string;
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly leaseDurationSeconds: number;
}

/** Milliseconds for which a benchmark that was just stopped may take to clean up. */
const patience = 10_000;
const pause = 1000;

/**
 * One benchmark at a time measures on a cluster: two would be each other's load, and each removes the namespaces of the
 * other. Who measures holds a Lease, and renews it before every step for as long as that may take.
 */
export class Lease {
  /** As it was last written by us. */
  private held: LiveObject | undefined;
  private acquired: string | undefined;
  private withheld = false;

  /** @param holder host name, process id and when that process started */
  constructor(
    private readonly context: LeaseContext,
    private readonly holder = ownName(),
  ) {}

  /** Whether what is in the cluster may be ours to remove: false once another has taken the Lease. */
  lost = false;

  /**
   * Takes it, or keeps it.
   *
   * @throws NotMeasurable where another benchmark has it
   */
  async hold(seconds: number): Promise<void> {
    const { leases, rest } = this.context;
    for (let waited = 0; !this.withheld; waited += pause) {
      const found = await leases.get(place).catch((error: unknown) => this.goWithout(error));
      if (this.withheld) return;
      const holding = found?.spec as Partial<Holding> | undefined;
      if (!isFree(holding, this.holder)) {
        this.lost ||= this.held !== undefined;
        if (this.lost || waited >= patience) throw new NotMeasurable(refusal(holding));
        await rest(pause);
      } else if (await this.written(seconds, found)) return;
    }
  }

  /** Gives it back; one that cannot be given back is free when its holder is gone or its time is over. */
  async release(): Promise<void> {
    const resourceVersion = this.held?.metadata.resourceVersion;
    if (resourceVersion === undefined || this.lost) return;
    this.held = undefined;
    await this.context.leases.delete(place, undefined, { preconditions: { resourceVersion } }).catch(() => undefined);
  }

  /** False where another was faster. */
  private async written(seconds: number, found: LiveObject | undefined): Promise<boolean> {
    const { leases } = this.context;
    const now = microTime(new Date());
    this.acquired ??= now;
    const spec: Holding = {
      ...{ holderIdentity: this.holder, acquireTime: this.acquired, renewTime: now },
      leaseDurationSeconds: Math.ceil(seconds),
    };
    const { apiVersion, kind, ...metadata } = place;
    try {
      this.held = await leases.write({ apiVersion, kind, metadata, spec }, found?.metadata.resourceVersion);
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 409) return false;
      this.goWithout(error);
      return true;
    }
  }

  /** @throws error where it says anything else than that there are no Leases for us */
  private goWithout(error: unknown): undefined {
    if (!(error instanceof UnknownKindError || (error instanceof ApiError && error.status === 403))) throw error;
    const { say } = this.context;
    say(`Warning: no Lease tells other benchmarks to wait (${error.message}); see that none runs on this cluster`);
    this.withheld = true;
  }
}

function ownName(): string {
  return [hostname(), process.pid, identify(process.pid)?.startedAt ?? ""].join(" ");
}

function isFree(holding: Partial<Holding> | undefined, holder: string): boolean {
  if (!holding?.holderIdentity || holding.holderIdentity === holder) return true;
  return !(until(holding) > Date.now()) || isGone(holding.holderIdentity);
}

/** Whether the process was one of this host, and was ended without a chance to give the Lease back. */
function isGone(holder: string): boolean {
  const [host, pid, ...startedAt] = holder.split(" ");
  return host === hostname() && !isSameProcess({ pid: Number(pid), startedAt: startedAt.join(" ") });
}

/** Milliseconds since 1970. */
function until({ renewTime = "", leaseDurationSeconds = 0 }: Partial<Holding>): number {
  return Date.parse(renewTime) + 1000 * leaseDurationSeconds;
}

function refusal(holding: Partial<Holding> = {}): string {
  const [host = "", pid = ""] = holding.holderIdentity?.split(" ") ?? [];
  const { namespace, name } = place;
  return (
    `another benchmark measures on this cluster: process ${pid} on ${host}, since ${holding.acquireTime ?? "?"}; ` +
    `it has the cluster until ${new Date(until(holding)).toISOString()}, and longer if it goes on\n` +
    `next: wait for it or stop it; if it is certain that it runs no more: kubectl -n ${namespace} delete lease ${name}`
  );
}

/** Kubernetes takes exactly six digits. */
function microTime(date: Date): string {
  return date.toISOString().replace("Z", "000Z");
}
