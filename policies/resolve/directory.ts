import type { GatewayWorkload, Workload } from "../../components/shared/workload";
import type { PolicyModel } from "../model";
import { listed } from "../problems";

/** Finds workloads and gateways by the names rules use. */
export class Directory {
  private readonly workloads: ReadonlyMap<string, Workload>;
  private readonly gateways: ReadonlyMap<string, GatewayWorkload>;
  private readonly byIdentity = new Map<string, Workload[]>();

  constructor(model: PolicyModel) {
    this.workloads = new Map(model.workloads.map((workload) => [workloadKey(workload), workload]));
    this.gateways = new Map(model.gateways.map((gateway) => [gateway.name, gateway]));
    for (const workload of model.workloads) {
      const identity = `${workload.namespace}/${workload.serviceAccount}`;
      const same = this.byIdentity.get(identity);
      if (same) same.push(workload);
      else this.byIdentity.set(identity, [workload]);
    }
  }

  workload(namespace: string, name: string): Workload | undefined {
    return this.workloads.get(`${namespace}/${name}`);
  }

  gateway(name: string): GatewayWorkload | undefined {
    return this.gateways.get(name);
  }

  /** Workloads that nobody can tell apart from this one, because they run under its service account. */
  sameIdentity(workload: Workload): readonly Workload[] {
    const same = this.byIdentity.get(`${workload.namespace}/${workload.serviceAccount}`) ?? [];
    return same.filter((other) => other !== workload);
  }

  /** What to say of a workload that is not there. */
  missing(namespace: string, name: string): string {
    return `found ${name}, which is no workload of namespace ${namespace} (${this.workloadsIn(namespace)})`;
  }

  /** Names of the workloads of a namespace, for messages. */
  workloadsIn(namespace: string): string {
    return listed([...this.workloads.values()].filter((w) => w.namespace === namespace).map((w) => w.name));
  }

  gatewayNames(): string {
    return listed(this.gateways.keys());
  }
}

/** `namespace/name`, the key under which a workload is unique. */
export function workloadKey(workload: Pick<Workload, "namespace" | "name">): string {
  return `${workload.namespace}/${workload.name}`;
}
