import { isIPv6 } from "node:net";
import { clusterHost } from "../../model/policies/policy-model";
import { loadBalancerAddress } from "../../shared/kubernetes/readiness";
import { UserError } from "../../shared/problem";
import type { ProbeRequest, ProbeTarget } from "../probe";
import { selects } from "./adoption";
import { witnessName, witnessPort } from "./client-objects";
import { clientLabel, type MeshPod, type VerificationCluster } from "./cluster";
import type { RunPlan } from "./run-plan";

/** Where a request goes. */
export interface Address {
  /** Host and port of its URL. */
  readonly host: string;
  readonly port: number;
  /** What is connected to in place of them. @default the host, by its name */
  readonly connect?: { readonly host: string; readonly port: number };
}

/** There is nothing to send a request to. */
export class AddressError extends UserError {
  override readonly name = "AddressError";
}

/** Finds addresses, each target's once. */
export class Addresses {
  private readonly known = new Map<string, Promise<Address>>();

  constructor(
    private readonly cluster: Pick<VerificationCluster, "service" | "pods">,
    private readonly plan: Pick<RunPlan, "workloads">,
  ) {}

  of({ to }: Pick<ProbeRequest, "to">): Promise<Address> {
    const key = JSON.stringify(to);
    const found = this.known.get(key) ?? this.find(to);
    this.known.set(key, found);
    return found;
  }

  private async find(to: ProbeTarget): Promise<Address> {
    switch (to.kind) {
      case "service":
        return { host: clusterHost(to), port: to.port };
      case "external":
        return {
          ...{ host: to.host, port: to.port },
          ...(to.address !== undefined && { connect: { host: to.address, port: to.port } }),
        };
      case "pod":
        return { host: urlHost(await this.podAddress(to.namespace, to.workload)), port: to.port };
      case "witness": {
        if (to.by === "service") return { host: clusterHost({ ...to, name: witnessName }), port: witnessPort };
        const pod = (await this.cluster.pods(to.namespace)).find(({ name }) => name === witnessName);
        return { host: urlHost(addressOf(pod, `pod ${to.namespace}/${witnessName}`)), port: witnessPort };
      }
      case "gateway":
        return { host: to.host, port: to.port, connect: await this.gatewayAddress(to) };
    }
  }

  private async podAddress(namespace: string, name: string): Promise<string> {
    const labels = this.plan.workloads.find((each) => each.namespace === namespace && each.name === name)?.labels;
    const pods = (await this.cluster.pods(namespace)).filter(
      (pod) => pod.ready && !pod.deleting && selects({ matchLabels: labels }, pod.labels),
    );
    return addressOf(pods[0], `ready pod of ${namespace}/${name}`);
  }

  /** From outside as its clients do: by its load balancer, else by a port of a node that runs it, else by its Service. */
  private async gatewayAddress({ namespace, service: name, port }: ProbeTarget & { kind: "gateway" }) {
    const service = await this.cluster.service(namespace, name);
    if (!service) throw new AddressError(`there is no Service ${namespace}/${name}`);
    const { type, clusterIP, selector, ports = [] } = (service.spec ?? {}) as unknown as ServiceSpec;
    const nodePort = ports.find((each) => each.port === port)?.nodePort;
    const balancer = type === "LoadBalancer" ? loadBalancerAddress(service) : undefined;
    if (balancer !== undefined) return { host: balancer, port };
    if (nodePort !== undefined) {
      const pods = await this.cluster.pods(namespace);
      const pod = pods.find((each) => each.ready && selects({ matchLabels: selector }, each.labels));
      if (pod && pod.nodeAddress !== "") return { host: pod.nodeAddress, port: nodePort };
    }
    if (!clusterIP || clusterIP === "None") throw new AddressError(`Service ${namespace}/${name} has no address`);
    return { host: clusterIP, port };
  }
}

interface ServiceSpec {
  readonly type?: string;
  readonly clusterIP?: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly ports?: readonly { readonly port: number; readonly nodePort?: number }[];
}

function addressOf(pod: MeshPod | undefined, title: string): string {
  const [address] = pod?.addresses ?? [];
  if (address === undefined) throw new AddressError(`there is no ${title}`);
  return address;
}

export function urlHost(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}

export function isClientPod({ labels }: Pick<MeshPod, "labels">): boolean {
  return Object.hasOwn(labels, clientLabel);
}
