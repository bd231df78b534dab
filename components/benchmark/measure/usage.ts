import { z } from "zod";
import { rootNamespace } from "../../shared/istio";
import type { Component, Scenario, Usages } from "../metrics/record";

/** Counters of one container at one moment. */
export interface ContainerSample {
  readonly node: string;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** Processor time used since it started, in nanoseconds. */
  readonly cpuNanos: number;
  /** When that was read, in milliseconds since 1970. */
  readonly at: number;
  /** Bytes of the working set. */
  readonly memory: number;
}

const summary = z.object({
  pods: z
    .array(
      z.object({
        podRef: z.object({ name: z.string(), namespace: z.string() }),
        containers: z
          .array(
            z.object({
              name: z.string(),
              cpu: z.object({ time: z.string(), usageCoreNanoSeconds: z.number() }).partial().optional(),
              memory: z.object({ workingSetBytes: z.number() }).partial().optional(),
            }),
          )
          .optional(),
      }),
    )
    .optional(),
});

/**
 * Reads a kubelet's `/stats/summary`, which has the time of every counter: what was used between two looks is divided
 * by the time between the counters, and not by that between the looks.
 */
export function parseSummary(node: string, json: unknown): ContainerSample[] {
  return (summary.parse(json).pods ?? []).flatMap(({ podRef, containers = [] }) =>
    containers.flatMap(({ name, cpu, memory }): ContainerSample[] => {
      if (cpu?.usageCoreNanoSeconds === undefined || cpu.time === undefined) return [];
      return [
        {
          node,
          namespace: podRef.namespace,
          pod: podRef.name,
          container: name,
          cpuNanos: cpu.usageCoreNanoSeconds,
          at: Date.parse(cpu.time),
          memory: memory?.workingSetBytes ?? 0,
        },
      ];
    }),
  );
}

/** What a container is to a scenario; undefined for what is none of its business. */
export type RoleOf = (sample: ContainerSample) => Component | undefined;

/** Between whom something is measured. */
export interface Ends {
  readonly namespace: string;
  /** `app` of the client: another one may be there that does nothing meanwhile. */
  readonly client: "client" | "client-near";
  /** Nodes of the client and of the server. */
  readonly nodes: readonly string[];
}

/** Roles in the namespace of a scenario, and of the mesh's own parts; ztunnels of other nodes are none of them. */
export function rolesIn({ namespace, client, nodes }: Ends, ownContainers: ReadonlySet<string>): RoleOf {
  return ({ node, namespace: where, pod, container }) => {
    if (where === rootNamespace) {
      if (pod.startsWith("istiod-")) return "istiod";
      return pod.startsWith("ztunnel-") && nodes.includes(node) ? "ztunnel" : undefined;
    }
    if (where !== namespace) return undefined;
    const [, app] = /^(client-near|client|server)-/.exec(pod) ?? [];
    if (app === undefined) return container === "istio-proxy" ? "waypoint" : undefined;
    const side = app === client ? "client" : app === "server" ? "server" : undefined;
    if (side === undefined) return undefined;
    if (container === "istio-proxy") return `${side} proxy`;
    return ownContainers.has(container) ? side : undefined;
  };
}

/** What each part used between two looks. A container that was not there at the first one, or restarted, has no rate. */
export function usageBetween(
  before: readonly ContainerSample[],
  after: readonly ContainerSample[],
  roleOf: RoleOf,
): Usages {
  const earlier = new Map(before.map((sample) => [keyOf(sample), sample]));
  const usages: Partial<Record<Component, { cores?: number; memory: number; containers: number }>> = {};
  for (const sample of after) {
    const role = roleOf(sample);
    if (role === undefined) continue;
    const cores = rate(earlier.get(keyOf(sample)), sample);
    const sum = usages[role] ?? { cores: 0, memory: 0, containers: 0 };
    usages[role] = {
      cores: cores === undefined || sum.cores === undefined ? undefined : sum.cores + cores,
      memory: sum.memory + sample.memory,
      containers: sum.containers + 1,
    };
  }
  return usages;
}

function rate(before: ContainerSample | undefined, after: ContainerSample): number | undefined {
  if (!before || after.at <= before.at || after.cpuNanos < before.cpuNanos) return undefined;
  return (after.cpuNanos - before.cpuNanos) / 1e6 / (after.at - before.at);
}

function keyOf({ namespace, pod, container }: ContainerSample): string {
  return `${namespace}/${pod}/${container}`;
}

/** Parts of the mesh that serve a scenario: a ztunnel beside sidecars carries none of their traffic. */
export const meshParts: Readonly<Record<Scenario, readonly Component[]>> = {
  none: [],
  control: [],
  sidecar: ["client proxy", "server proxy", "istiod"],
  ambient: ["ztunnel", "istiod"],
  waypoint: ["ztunnel", "waypoint", "istiod"],
};
