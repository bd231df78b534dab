import { rootNamespace } from "../../shared/istio";
import type { Component, Usages } from "../metrics/record";

export interface ContainerSample {
  readonly node: string;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** CPU time since the container started, in nanoseconds. */
  readonly cpuNanos: number;
  /** When the kubelet read it, in milliseconds since 1970. */
  readonly at: number;
  /** Bytes. */
  readonly memory: number;
}

/** Of a kubelet's `/stats/summary`. */
interface Summary {
  readonly pods?: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string };
    readonly containers?: readonly {
      readonly name: string;
      readonly cpu?: { readonly time?: string; readonly usageCoreNanoSeconds?: number };
      readonly memory?: { readonly workingSetBytes?: number };
    }[];
  }[];
}

export function parseSummary(node: string, summary: unknown): ContainerSample[] {
  return ((summary as Summary).pods ?? []).flatMap(({ podRef: { namespace, name: pod }, containers = [] }) =>
    containers.flatMap(({ name: container, cpu, memory }): ContainerSample[] => {
      if (cpu?.usageCoreNanoSeconds === undefined || cpu.time === undefined) return [];
      const { usageCoreNanoSeconds: cpuNanos, time } = cpu;
      return [
        { node, namespace, pod, container, cpuNanos, at: Date.parse(time), memory: memory?.workingSetBytes ?? 0 },
      ];
    }),
  );
}

export interface Endpoints {
  readonly namespace: string;
  /** `app` label of the client in use; a second client may be idle. */
  readonly client: "client" | "client-near";
  readonly nodes: readonly string[];
}

export const ownContainers: ReadonlySet<string> = new Set(["fortio", "iperf3", "details"]);

/** The component that a container is for a scenario; undefined for containers that do not serve it. */
function roleOf(sample: ContainerSample, endpoints: Endpoints): Component | undefined {
  const { node, namespace, pod, container } = sample;
  if (namespace === rootNamespace) {
    if (pod.startsWith("istiod-")) return "istiod";
    // A ztunnel of another node carries none of the traffic.
    return pod.startsWith("ztunnel-") && endpoints.nodes.includes(node) ? "ztunnel" : undefined;
  }
  if (namespace !== endpoints.namespace) return undefined;
  const [, app] = /^(client-near|client|server)-/.exec(pod) ?? [];
  if (app === undefined) return container === "istio-proxy" ? "waypoint" : undefined;
  const side = app === endpoints.client ? "client" : app === "server" ? "server" : undefined;
  if (side === undefined || container === "istio-proxy") return side && `${side} proxy`;
  return ownContainers.has(container) ? side : undefined;
}

/**
 * What each component used between two readings: CPU time is divided by the time between the counters, not between the
 * readings. A container that is missing in the first reading, or restarted, has no CPU use.
 */
export function usageBetween(
  before: readonly ContainerSample[],
  after: readonly ContainerSample[],
  endpoints: Endpoints,
): Usages {
  const earlier = new Map(before.map((sample) => [keyOf(sample), sample]));
  const usages: Partial<Record<Component, { cores?: number; memory: number; containers: number }>> = {};
  for (const sample of after) {
    const role = roleOf(sample, endpoints);
    if (role === undefined) continue;
    const cores = coresBetween(earlier.get(keyOf(sample)), sample);
    const sum = usages[role] ?? { cores: 0, memory: 0, containers: 0 };
    usages[role] = {
      cores: cores === undefined || sum.cores === undefined ? undefined : sum.cores + cores,
      memory: sum.memory + sample.memory,
      containers: sum.containers + 1,
    };
  }
  return usages;
}

function coresBetween(before: ContainerSample | undefined, after: ContainerSample): number | undefined {
  if (!before || after.at <= before.at || after.cpuNanos < before.cpuNanos) return undefined;
  return (after.cpuNanos - before.cpuNanos) / 1e6 / (after.at - before.at);
}

function keyOf({ namespace, pod, container }: ContainerSample): string {
  return `${namespace}/${pod}/${container}`;
}
