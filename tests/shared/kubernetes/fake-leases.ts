import {
  ApiError,
  type ApiServer,
  type ApplyObject,
  type LiveObject,
} from "../../../components/shared/kubernetes/api-server";

type LeaseServer = Pick<ApiServer, "get" | "write" | "delete">;

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
  give(holderIdentity: string, renewed = new Date(), leaseDurationSeconds = 100, purpose = "benchmark"): void {
    const renewTime = renewed.toISOString();
    const annotations = { "talos-mesh/purpose": purpose };
    this.keep({ holderIdentity, acquireTime: renewTime, renewTime, leaseDurationSeconds }, annotations);
  }

  get(): Promise<LiveObject | undefined> {
    return Promise.resolve(this.lease);
  }

  write({ spec, metadata }: ApplyObject, resourceVersion?: string): Promise<LiveObject> {
    return Promise.resolve().then(() => {
      this.onWrite();
      if (this.lease?.metadata.resourceVersion !== resourceVersion) throw new ApiError(409, "it has been modified");
      return this.keep(spec as HeldLease, metadata.annotations);
    });
  }

  delete(...[, , options]: Parameters<LeaseServer["delete"]>): Promise<boolean> {
    if (options?.preconditions?.resourceVersion !== this.lease?.metadata.resourceVersion) {
      return Promise.reject(new ApiError(409, "the precondition does not hold"));
    }
    this.lease = undefined;
    return Promise.resolve(true);
  }

  private keep(spec: HeldLease, annotations?: Readonly<Record<string, string>>): LiveObject {
    this.version += 1;
    const metadata = { name: "talos-mesh-measurement", namespace: "default", uid: "1", annotations };
    this.lease = {
      ...{ apiVersion: "coordination.k8s.io/v1", kind: "Lease", spec: { ...spec } },
      metadata: { ...metadata, resourceVersion: String(this.version) },
    };
    return this.lease;
  }
}
