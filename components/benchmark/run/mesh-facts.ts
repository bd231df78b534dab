import { createHash } from "node:crypto";
import { parse } from "yaml";
import type { Scenario } from "../metrics/record";
import type { BenchPod, MeshState } from "./cluster";

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

/** The part of an object's spec that is reported. */
interface Spec {
  readonly configPatches?: readonly { readonly applyTo?: string }[];
  readonly tracing?: readonly { readonly randomSamplingPercentage?: number }[];
  readonly mtls?: { readonly mode?: string };
  readonly selector?: unknown;
  readonly workloadSelector?: unknown;
  readonly targetRef?: unknown;
  readonly targetRefs?: unknown;
}

/** What decides the cost of every proxy, in words: only kinds and names, because values may be secret or long. */
export function meshFacts({ config, objects, istiods, proxies, services }: MeshState): string[] {
  if (config === undefined) return [];
  const { accessLogFile, accessLogEncoding, enableTracing, defaultProviders, defaultConfig } = (parse(config) ??
    {}) as MeshConfig;
  return [
    `access log: ${accessLogFile ? `${accessLogFile}, ${accessLogEncoding ?? "TEXT"}` : "off"}`,
    `tracing: ${enableTracing === true ? `on${sampled(defaultConfig?.tracing)} ${digestOf(defaultConfig?.tracing)}` : "off, unless a Telemetry turns it on"}`,
    `default providers: ${JSON.stringify(defaultProviders ?? {})}`,
    `proxy concurrency: ${defaultConfig?.concurrency ?? "by its CPU limit"}`,
    `${istiods} istiod, ${proxies} proxies and ${services} Services in the cluster`,
    ...objects.map(({ kind, metadata, spec }) => `${kind} ${metadata.name}: ${summaryOf(spec)} ${digestOf(spec)}`),
  ];
}

/** Whether a fact is a count, and no setting. */
export function isCount(fact: string): boolean {
  return /^\d+ istiod, /.test(fact);
}

/** Differs where the settings differ, without showing them. */
function digestOf(value: unknown): string {
  return `(${createHash("sha256")
    .update(JSON.stringify(value ?? {}))
    .digest("hex")
    .slice(0, 8)})`;
}

function sampled({ sampling }: Tracing = {}): string {
  return sampling === undefined ? "" : `, of ${sampling}% of the requests`;
}

/** What an object changes of proxies, and whether of all. */
function summaryOf(found: unknown): string {
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

/** Where the proxies of a scenario are, and what they may use, in words. */
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
