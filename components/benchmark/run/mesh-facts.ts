import { parse } from "yaml";
import type { LiveObject } from "../../shared/api-server";
import type { Scenario } from "../plan/plan";
import type { BenchPod } from "./cluster";

/** What the mesh is set to, as it stands in the cluster. */
export interface MeshState {
  /** MeshConfig as YAML; undefined where there is no control plane. */
  readonly config?: string;
  /** Objects of the root namespace that change what every proxy does. */
  readonly objects: readonly LiveObject[];
  readonly istiods: number;
  /** Sidecars, waypoints, gateways and ztunnels of the whole cluster. */
  readonly proxies: number;
  /** Services of the whole cluster: each is configuration in every sidecar. */
  readonly services: number;
}

/** How a proxy may use its node. */
export interface ProxyContainer {
  readonly requests: Readonly<Record<string, string>>;
  readonly limits: Readonly<Record<string, string>>;
  /** Worker threads, where they are set; 0 is one for each processor. */
  readonly workers?: number;
}

interface MeshConfig {
  readonly accessLogFile?: string;
  readonly accessLogEncoding?: string;
  readonly enableTracing?: boolean;
  readonly defaultProviders?: unknown;
  readonly defaultConfig?: { readonly concurrency?: number; readonly tracing?: unknown };
}

/** What decides the cost of any proxy, in words; quoted as it stands where it has many forms. */
export function meshFacts({ config, objects, istiods, proxies, services }: MeshState): string[] {
  if (config === undefined) return [];
  const { accessLogFile, accessLogEncoding, enableTracing, defaultProviders, defaultConfig } = (parse(config) ??
    {}) as MeshConfig;
  const tracing = defaultConfig?.tracing;
  return [
    `access log: ${accessLogFile ? `${accessLogFile}, ${accessLogEncoding ?? "TEXT"}` : "off"}`,
    `tracing: ${enableTracing === true ? `on, ${JSON.stringify(tracing ?? {})}` : "off, unless a Telemetry turns it on"}`,
    `default providers: ${JSON.stringify(defaultProviders ?? {})}`,
    `proxy concurrency: ${defaultConfig?.concurrency ?? "by its CPU limit"}`,
    `${istiods} istiod, ${proxies} proxies and ${services} Services in the cluster`,
    ...objects.map(({ kind, metadata, spec }) => `${kind} ${metadata.name}: ${quoted(spec)}`),
  ];
}

/** An EnvoyFilter can be as long as it likes. */
function quoted(spec: unknown): string {
  const text = JSON.stringify(spec ?? {});
  return text.length > 300 ? `${text.slice(0, 300)}...` : text;
}

/** How the proxies of a scenario stand, in words. */
export function proxyFacts(scenario: Scenario, pods: readonly BenchPod[], ztunnels: readonly BenchPod[]): string[] {
  const own = pods.map((pod) => ({ pod, title: pod.app === "" ? "waypoint" : `${pod.app} proxy` }));
  const shared = ztunnels.map((pod) => ({ pod, title: "ztunnel" }));
  const through = scenario === "ambient" || scenario === "waypoint" ? [...shared, ...own] : own;
  return through.flatMap(({ pod: { proxy, node }, title }) => {
    if (!proxy) return [];
    const workers = proxy.workers === undefined ? [] : [`${proxy.workers} workers`];
    const resources = [`requests ${amounts(proxy.requests)}`, `limits ${amounts(proxy.limits)}`];
    return [`${title} on ${node}: ${[...resources, ...workers].join(", ")}`];
  });
}

function amounts(resources: Readonly<Record<string, string>>): string {
  const named = Object.entries(resources).map(([name, amount]) => `${name} ${amount}`);
  return named.length > 0 ? named.sort().join(" ") : "none";
}
