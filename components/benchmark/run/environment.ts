import { parse } from "yaml";
import { digestOf } from "../../shared/digest";
import type { LiveObject } from "../../shared/kubernetes/object";
import type { ExecResult } from "../../shared/kubernetes/pod-streams";
import type { ContainerSample } from "../measure/usage";
import { type Scenario, usesZtunnel } from "../metrics/record";
import type { NodeFacts } from "../report/report";
import type { BenchCluster, BenchNode, BenchPod, MeshState } from "./cluster";
import { NotMeasurable } from "./request";

export type NodePair = readonly [client: BenchNode, server: BenchNode];

/** Workers before control planes, then by name, so that every run takes the same nodes. Undefined where all are simulated. */
export async function chooseNodes(cluster: Pick<BenchCluster, "nodes">): Promise<NodePair | undefined> {
  const nodes = await cluster.nodes();
  const real = nodes.filter(({ simulated }) => !simulated);
  if (nodes.length > 0 && real.length === 0) return undefined;
  real.sort((a, b) => Number(a.controlPlane) - Number(b.controlPlane) || (a.name < b.name ? -1 : 1));
  const [client, server] = real;
  if (client && server) return [client, server];
  throw new NotMeasurable(
    `found ${real.length} ${real.length === 1 ? "node" : "nodes"} that are ready and take pods; client and server need one each`,
  );
}

export function nodeTitle({ name, kernel, uid }: BenchNode): string {
  return `${name} ${kernel} ${uid}`;
}

/** Differences between scenarios are valid on unlike nodes too, but CPU of client and server cannot be added up then. */
export function differenceOf([client, server]: NodePair): string | undefined {
  const [a, b] = [client, server].map(({ cores, architecture }) => `${cores} cores ${architecture}`);
  if (a === b) return undefined;
  return `The nodes are not alike: ${client.name} has ${a}, ${server.name} ${b}. A vCPU of one is not one of the other`;
}

export async function countedNodes(cluster: BenchCluster, nodes: NodePair): Promise<string[]> {
  const istiod = await cluster.istiodNodes().catch(() => []);
  return [...new Set([...nodes.map(({ name }) => name), ...istiod])];
}

/** Seconds within which a kubelet refreshes its counters (housekeeping: 10 s, up to 15 s on an idle node). */
export const kubeletPeriod = 15;

/** The kubelet counters of some nodes. A kubelet without counters leaves out the cost, and does not end the benchmark. */
export class Kubelets {
  private readonly reasons = new Map<string, string>();

  constructor(
    private readonly cluster: Pick<BenchCluster, "usage">,
    private readonly nodes: readonly string[],
    private readonly log: (line: string) => void,
  ) {}

  async read(): Promise<ContainerSample[]> {
    const ofNode = (node: string) =>
      this.cluster.usage(node).catch(({ message }: Error) => {
        if (this.reasons.has(node)) return [];
        this.reasons.set(node, message);
        this.log(
          `Warning: ${node} gives no counters (${message}), so that neither the cost nor the load generator's share of the ` +
            "processors is known; reading them needs the right nodes/proxy",
        );
        return [];
      });
    return (await Promise.all(this.nodes.map(ofNode))).flat();
  }

  missing(): string[] {
    return [...this.reasons].map(([node, reason]) => `${node}: ${reason}`);
  }
}

type Shell = (argv: readonly string[]) => Promise<ExecResult>;

const hardwareFiles = {
  mtu: "/sys/class/net/eth0/mtu",
  processor: "/proc/cpuinfo",
  clockSource: "/sys/devices/system/clocksource/clocksource0/current_clocksource",
  governor: "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
  numaNodes: "/sys/devices/system/node/online",
} as const;

/** What the API server does not know of a node; a container sees the files of its node's kernel. */
export async function hardwareOf(shell: Shell): Promise<Partial<NodeFacts>> {
  // The first line with a model's name, or of a file that has only one word.
  const pattern = ["-m", "1", "-E", "^model name|^[^:]+$"];
  const { stdout } = await shell(["grep", "-s", "-H", ...pattern, ...Object.values(hardwareFiles)]);
  const lines = stdout.toString("utf8").split("\n");
  const found = Object.entries(hardwareFiles).flatMap(([name, file]) => {
    const value = lines.find((line) => line.startsWith(`${file}:`))?.slice(file.length + 1);
    return value === undefined ? [] : [[name, value.replace(/^model name\s*:\s*/, "").trim()] as const];
  });
  const { mtu, ...facts } = Object.fromEntries(found) as Readonly<Partial<Record<keyof typeof hardwareFiles, string>>>;
  return { ...facts, ...(mtu !== undefined && { mtu: Number(mtu) }) };
}

/** Counters of all of a node's processors together, in ticks since it started. */
type ProcessorTime = Readonly<Record<"total" | "stolen", number>>;

export async function processorTime(shell: Shell): Promise<ProcessorTime | undefined> {
  const { stdout } = await shell(["head", "-n", "1", "/proc/stat"]);
  return parseProcessorTime(stdout.toString("utf8"));
}

/** The line `cpu` of /proc/stat. The last two of its ten numbers are a guest's, and counted in the first two. */
export function parseProcessorTime(line: string): ProcessorTime | undefined {
  const [name, ...ticks] = line.trim().split(/\s+/);
  const counted = ticks.slice(0, 8).map(Number);
  const stolen = counted[7];
  if (name !== "cpu" || stolen === undefined || counted.some(Number.isNaN)) return undefined;
  return { total: counted.reduce((sum, each) => sum + each, 0), stolen };
}

/** Share of its processors that the host of a virtual node gave to others. */
export function stolenShare(before: ProcessorTime | undefined, after: ProcessorTime | undefined): number | undefined {
  if (!before || !after || after.total <= before.total) return undefined;
  return (after.stolen - before.stolen) / (after.total - before.total);
}

interface MeshConfig {
  readonly accessLogFile?: string;
  readonly accessLogEncoding?: string;
  readonly enableTracing?: boolean;
  readonly defaultProviders?: unknown;
  readonly defaultConfig?: { readonly concurrency?: number; readonly tracing?: { readonly sampling?: number } };
}

/** The part of an object's spec that is reported in words of its own. */
interface Spec {
  readonly configPatches?: readonly { readonly applyTo?: string }[];
  readonly tracing?: readonly { readonly randomSamplingPercentage?: number }[];
  readonly mtls?: { readonly mode?: string };
}

const selectors = ["selector", "workloadSelector", "targetRef", "targetRefs"];

/** What decides the cost of every proxy, in words: only kinds and names, because values may be secret or long. */
export function meshFacts({ config, objects, istiods, proxies, services }: MeshState): string[] {
  if (config === undefined) return [];
  const meshConfig = (parse(config) ?? {}) as MeshConfig;
  const { accessLogFile, accessLogEncoding, enableTracing, defaultProviders, defaultConfig } = meshConfig;
  const { concurrency, tracing } = defaultConfig ?? {};
  return [
    `access log: ${accessLogFile ? `${accessLogFile}, ${accessLogEncoding ?? "TEXT"}` : "off"}`,
    `tracing: ${enableTracing === true ? `on${sampled(tracing?.sampling)} ${fingerprint(tracing)}` : "off, unless a Telemetry turns it on"}`,
    `default providers: ${JSON.stringify(defaultProviders ?? {})}`,
    `proxy concurrency: ${concurrency ?? "by its CPU limit"}`,
    `${istiods} istiod, ${proxies} proxies and ${services} Services in the cluster`,
    ...objects.map(({ kind, metadata, spec }) => `${kind} ${metadata.name}: ${summaryOf(spec)} ${fingerprint(spec)}`),
  ];
}

export function isCount(fact: string): boolean {
  return /^\d+ istiod, /.test(fact);
}

/** Differs where the settings differ, without showing them. */
function fingerprint(value: object = {}): string {
  return `(${digestOf(value, 8)})`;
}

function sampled(sampling: number | undefined): string {
  return sampling === undefined ? "" : `, of ${sampling}% of the requests`;
}

function summaryOf(spec: LiveObject["spec"] = {}): string {
  const { configPatches = [], tracing = [], mtls, ...others } = spec as Spec;
  const named = Object.entries(others).flatMap(([name, value]: [string, unknown]) => {
    if (selectors.includes(name)) return [];
    return Array.isArray(value) ? `${value.length} ${name}` : typeof value === "number" ? `${name} ${value}` : name;
  });
  const isOfSome = selectors.some((name) => Object.hasOwn(spec, name));
  const parts = [
    ...new Set(configPatches.map(({ applyTo }) => `patches ${applyTo ?? "?"}`)),
    ...(tracing.length > 0 ? [`tracing${tracing.map((each) => sampled(each.randomSamplingPercentage)).join("")}`] : []),
    ...(mtls?.mode === undefined ? [] : [mtls.mode]),
    ...named,
  ];
  return `${parts.join(", ") || "empty"}${isOfSome ? ", of some workloads" : ""}`;
}

export function proxyFacts(scenario: Scenario, pods: readonly BenchPod[], ztunnels: readonly BenchPod[]): string[] {
  const own = pods.map((pod) => ({ pod, title: pod.app === "" ? "waypoint" : `${pod.app} proxy` }));
  const shared = ztunnels.map((pod) => ({ pod, title: "ztunnel" }));
  const through = usesZtunnel(scenario) ? [...shared, ...own] : own;
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
