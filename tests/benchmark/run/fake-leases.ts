import { ApiError, type ApplyObject, type LiveObject } from "../../../components/shared/kubernetes/api-server";
import type { BenchCluster } from "../../../components/benchmark/run/cluster";

type LeaseServer = BenchCluster["leases"];

/** What a Lease says. */
export interface HeldLease {
  readonly holderIdentity: string;
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly leaseDurationSeconds: number;
}

/** An API server's one Lease, in memory. */
export class FakeLeases implements LeaseServer {
  lease: LiveObject | undefined;
  /** Called before each change; may throw, as an API server does. */
  onWrite: () => void = () => undefined;
  private version = 0;

  get holding(): HeldLease | undefined {
    return this.lease?.spec as HeldLease | undefined;
  }

  /** Has another hold it. */
  give(holderIdentity: string, renewed = new Date(), leaseDurationSeconds = 100): void {
    const renewTime = renewed.toISOString();
    this.keep({ holderIdentity, acquireTime: renewTime, renewTime, leaseDurationSeconds });
  }

  get(): Promise<LiveObject | undefined> {
    return Promise.resolve(this.lease);
  }

  write({ spec }: ApplyObject, resourceVersion?: string): Promise<LiveObject> {
    return Promise.resolve().then(() => {
      this.onWrite();
      if (this.lease?.metadata.resourceVersion !== resourceVersion) throw new ApiError(409, "it has been modified");
      return this.keep(spec as HeldLease);
    });
  }

  delete(...[, , options]: Parameters<LeaseServer["delete"]>): Promise<boolean> {
    if (options?.preconditions?.resourceVersion !== this.lease?.metadata.resourceVersion) {
      return Promise.reject(new ApiError(409, "the precondition does not hold"));
    }
    this.lease = undefined;
    return Promise.resolve(true);
  }

  private keep(spec: HeldLease): LiveObject {
    this.version += 1;
    const metadata = { name: "talos-mesh-benchmark", namespace: "default", uid: "1" };
    this.lease = {
      ...{ apiVersion: "coordination.k8s.io/v1", kind: "Lease", spec: { ...spec } },
      metadata: { ...metadata, resourceVersion: String(this.version) },
    };
    return this.lease;
  }
}
