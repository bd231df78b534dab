import { createHash } from "node:crypto";
import { parse } from "yaml";
import type { LiveObject } from "../../shared/kubernetes/api-server";
import type { Scenario } from "../metrics/record";
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
  readonly defaultConfig?: { readonly concurrency?: number; readonly tracing?: Tracing };
}

interface Tracing {
  readonly sampling?: number;
}

/** As much of an object as is told of it. */
interface Spec {
  readonly configPatches?: readonly { readonly applyTo?: string }[];
  readonly tracing?: readonly { readonly randomSamplingPercentage?: number }[];
  readonly mtls?: { readonly mode?: string };
  readonly selector?: unknown;
  readonly workloadSelector?: unknown;
  readonly targetRef?: unknown;
  readonly targetRefs?: unknown;
}

/** What decides the cost of any proxy, in words: the kinds of it, as what is set may hold tokens and go on for pages. */
export function meshFacts({ config, objects, istiods, proxies, services }: MeshState): string[] {
  if (config === undefined) return [];
  const { accessLogFile, accessLogEncoding, enableTracing, defaultProviders, defaultConfig } = (parse(config) ??
    {}) as MeshConfig;
  return [
    `access log: ${accessLogFile ? `${accessLogFile}, ${accessLogEncoding ?? "TEXT"}` : "off"}`,
    `tracing: ${enableTracing === true ? `on${sampled(defaultConfig?.tracing)} ${markOf(defaultConfig?.tracing)}` : "off, unless a Telemetry turns it on"}`,
    `default providers: ${JSON.stringify(defaultProviders ?? {})}`,
    `proxy concurrency: ${defaultConfig?.concurrency ?? "by its CPU limit"}`,
    `${istiods} istiod, ${proxies} proxies and ${services} Services in the cluster`,
    ...objects.map(({ kind, metadata, spec }) => `${kind} ${metadata.name}: ${gistOf(spec)} ${markOf(spec)}`),
  ];
}

/** Whether a fact is how much there is, and nothing that somebody has set. */
export function isCount(fact: string): boolean {
  return /^\d+ istiod, /.test(fact);
}

/** Another where what is set is another, though nothing of it is told. */
function markOf(value: unknown): string {
  return `(${createHash("sha256")
    .update(JSON.stringify(value ?? {}))
    .digest("hex")
    .slice(0, 8)})`;
}

function sampled({ sampling }: Tracing = {}): string {
  return sampling === undefined ? "" : `, of ${sampling}% of the requests`;
}

/** What an object does to proxies, and whether only to some. */
function gistOf(found: unknown): string {
  const spec = (found ?? {}) as Spec;
  const { configPatches = [], tracing = [], mtls, selector, workloadSelector, targetRef, targetRefs, ...rest } = spec;
  const percentages = tracing.flatMap(({ randomSamplingPercentage }) => randomSamplingPercentage ?? []);
  const parts = [
    ...new Set(configPatches.map(({ applyTo }) => `patches ${applyTo ?? "?"}`)),
    ...(tracing.length > 0 ? [`tracing${percentages.map((sampling) => sampled({ sampling })).join()}`] : []),
    ...(mtls?.mode === undefined ? [] : [mtls.mode]),
    ...Object.entries(rest).map(([name, value]) => named(name, value)),
  ];
  const some = [selector, workloadSelector, targetRef, targetRefs].some((each) => each !== undefined);
  return `${parts.join(", ") || "empty"}${some ? ", of some workloads" : ""}`;
}

function named(name: string, value: unknown): string {
  if (Array.isArray(value)) return `${value.length} ${name}`;
  return typeof value === "number" ? `${name} ${value}` : name;
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
