import { workloadKey } from "../../model/names";
import { type LogSource, markCopies, type PodAt, type ProbeRecord, probeRecords } from "../evidence/records";
import type { ProxyRecord } from "../result";
import { isClientPod } from "./addresses";
import { selects } from "./adoption";
import type { MeshPod, VerificationCluster } from "./cluster";
import { FollowedLog, type FollowedLogContext } from "./followed-log";
import type { Order, Sent } from "./requests";
import { type RunPlan, workloadsOf } from "./run-plan";

/** Milliseconds after which a proxy has written what it recorded: Envoy does every second. */
const flushInterval = 1200;
/** Milliseconds between two looks at what has come since. */
const lookInterval = 250;
/** Milliseconds to wait for records that are missing. */
const recordTimeout = 5000;

type Source = MeshPod & { readonly kind: LogSource["kind"] };

/** What proxies recorded of requests, from the logs of those that may have seen them. */
export class Records {
  /** Whether any proxy records requests: otherwise none is waited for. */
  private hasAny = true;

  constructor(
    private readonly context: Omit<FollowedLogContext, "cluster" | "marker"> & {
      readonly cluster: Pick<VerificationCluster, "pods" | "followLog">;
      readonly plan: RunPlan;
      /** Beginning of every id. */
      readonly run: string;
      /** Gets what limits the evidence of the run. */
      readonly note: (line: string) => void;
    },
  ) {}

  /** Sends requests, and reads the logs meanwhile. @param send resolves to what was sent */
  async during(
    orders: readonly Order[],
    send: () => Promise<readonly Sent[]>,
  ): Promise<{ readonly sent: readonly Sent[]; readonly records: ReadonlyMap<string, readonly ProxyRecord[]> }> {
    const logs = new Logs({ ...this.context, marker: `${this.context.run}-` });
    const follow = async () => {
      const pods = await this.pods(orders);
      logs.follow(sourcesOf(orders, pods, this.context.plan));
      return pods;
    };
    try {
      const [sent] = await Promise.all([send(), follow()]);
      // Pods may have been replaced since.
      return { sent, records: await this.collect(sent, logs, await follow()) };
    } finally {
      logs.stop();
    }
  }

  private async collect(
    sent: readonly Sent[],
    logs: Logs,
    pods: readonly MeshPod[],
  ): Promise<ReadonlyMap<string, readonly ProxyRecord[]>> {
    const ids = new Set(sent.map(({ id }) => id));
    const found = new Map<string, ProxyRecord[]>();
    const read = () => {
      for (const { probe, record } of logs.take((address) => this.podAt(address, pods))) {
        if (ids.has(probe)) found.set(probe, [...(found.get(probe) ?? []), record]);
      }
    };
    let waited = 0;
    for (let pause = flushInterval; ; pause = lookInterval) {
      await this.context.sleep(pause);
      waited += pause;
      read();
      logs.follow(upstreams(found, pods));
      read();
      const isDone = sent.every((one) => isComplete(one, found, pods));
      if (!isDone && this.hasAny && waited < recordTimeout) continue;
      if (found.size > 0) this.hasAny = true;
      else if (this.hasAny && sent.some(isRecorded)) {
        this.hasAny = false;
        this.context.note("No proxy records the requests of probes: verdicts are by what clients saw");
      }
      for (const line of logs.cuts) this.context.note(line);
      return new Map([...found].map(([id, records]) => [id, inOrder(markCopies(inOrder(records)))]));
    }
  }

  private podAt(address: string, pods: readonly MeshPod[]): ProxyRecord["upstream"] {
    const pod = pods.find(({ addresses }) => addresses.includes(address));
    if (!pod) return undefined;
    const { namespace, name, labels } = pod;
    const workload = this.context.plan.workloads.find(
      (each) => each.namespace === namespace && selects({ matchLabels: each.labels }, labels),
    );
    const { version } = labels;
    return { namespace, pod: name, ...(workload && { workload: workloadKey(workload) }), ...(version && { version }) };
  }

  /** Of the namespaces that a request can come by. */
  private async pods(orders: readonly Order[]): Promise<MeshPod[]> {
    const namespaces = new Set([
      ...Object.keys(this.context.plan.namespaces),
      ...this.context.plan.gateways.map(({ namespace }) => namespace),
      ...orders.map(({ client }) => client.namespace),
    ]);
    const found = await Promise.all([...namespaces].map((namespace) => this.context.cluster.pods(namespace)));
    return found.flat().filter(({ ended }) => !ended);
  }
}

/** The logs that are read while requests are sent, each once. */
class Logs {
  private readonly start: number;
  private readonly logs = new Map<string, { readonly log: FollowedLog; readonly source: Source }>();

  constructor(private readonly context: FollowedLogContext) {
    this.start = context.now();
  }

  follow(sources: readonly Source[]): void {
    for (const source of sources) {
      const key = keyOf(source);
      if (!this.logs.has(key)) this.logs.set(key, { log: new FollowedLog(this.context, source, this.start), source });
    }
  }

  /** What has come since the last call. */
  take(podAt: PodAt): ProbeRecord[] {
    return [...this.logs.values()].flatMap(({ log, source }) => {
      const { kind, namespace, name: pod } = source;
      return probeRecords(log.take().join("\n"), { kind, namespace, pod, isClient: isClientPod(source) }, podAt);
    });
  }

  get cuts(): string[] {
    return [...this.logs].flatMap(([key, { log }]) =>
      log.isCut ? [`The proxy ${key} writes more than is read of its log: records of some requests are missing`] : [],
    );
  }

  stop(): void {
    for (const { log } of this.logs.values()) log.stop();
  }
}

const keyOf = ({ namespace, name }: MeshPod) => `${namespace}/${name}`;

/** The proxies that requests come by, as far as their targets say. */
function sourcesOf(orders: readonly Order[], pods: readonly MeshPod[], plan: RunPlan): Source[] {
  const clients = new Set(orders.map(({ client }) => `${client.namespace}/${client.pod}`));
  const series = [...new Set(orders.map((order) => order.series))];
  const workloads = new Set(series.flatMap(workloadsOf));
  const isTarget = (pod: MeshPod) =>
    !isClientPod(pod) &&
    plan.workloads.some(
      (each) =>
        each.namespace === pod.namespace &&
        workloads.has(workloadKey(each)) &&
        selects({ matchLabels: each.labels }, pod.labels),
    );
  const targets = series.map(({ request }) => request.to);
  const namespaces = new Set(targets.flatMap((to) => ("namespace" in to ? [to.namespace] : [])));
  const byGateway = targets.some(({ kind }) => kind === "gateway" || kind === "external");
  const isGateway = (pod: MeshPod) =>
    plan.gateways.some(
      (each) => each.namespace === pod.namespace && selects({ matchLabels: each.selector }, pod.labels),
    );
  return pods
    .filter(({ containers }) => containers.includes("istio-proxy"))
    .flatMap((pod): Source[] => {
      if (isWaypoint(pod)) return namespaces.has(pod.namespace) || byGateway ? [{ ...pod, kind: "waypoint" }] : [];
      if (isGateway(pod)) return byGateway ? [{ ...pod, kind: "gateway" }] : [];
      const isWitness = isClientPod(pod) && namespaces.has(pod.namespace);
      return clients.has(keyOf(pod)) || isWitness || isTarget(pod) ? [{ ...pod, kind: "sidecar" }] : [];
    });
}

function isWaypoint({ labels }: MeshPod): boolean {
  return labels["gateway.istio.io/managed"] === "istio.io-mesh-controller";
}

/** The sidecars that records name as where requests went. */
function upstreams(found: ReadonlyMap<string, readonly ProxyRecord[]>, pods: readonly MeshPod[]): Source[] {
  const names = new Set(
    [...found.values()].flat().flatMap(({ upstream }) => (upstream ? [`${upstream.namespace}/${upstream.pod}`] : [])),
  );
  return pods
    .filter((pod) => names.has(keyOf(pod)) && pod.containers.includes("istio-proxy"))
    .map((pod) => ({ ...pod, kind: isWaypoint(pod) ? "waypoint" : "sidecar" }));
}

/** Whether a proxy must have recorded it: that of the client, or a gateway that has answered. */
function isRecorded({ order: { series, client }, observation }: Sent): boolean {
  const { request } = series;
  const isHttp = request.scheme === undefined || request.scheme === "http";
  return isHttp && observation.status > 0 && (client.proxied || request.to.kind === "gateway");
}

function isComplete(sent: Sent, found: ReadonlyMap<string, readonly ProxyRecord[]>, pods: readonly MeshPod[]): boolean {
  const records = found.get(sent.id) ?? [];
  if (isRecorded(sent) && records.length === 0) return false;
  return records.every(({ upstream }) => {
    const pod = upstream && pods.find((each) => each.namespace === upstream.namespace && each.name === upstream.pod);
    return (
      !pod?.containers.includes("istio-proxy") ||
      records.some(({ proxy }) => proxy.pod === pod.name && proxy.namespace === pod.namespace)
    );
  });
}

function inOrder(records: readonly ProxyRecord[]): ProxyRecord[] {
  return [...records].sort((a, b) => rank(a) - rank(b) || a.start - b.start);
}

function rank({ proxy, isMirrored }: ProxyRecord): number {
  if (isMirrored) return 4;
  if (proxy.kind === "sidecar") return proxy.side === "outbound" ? 0 : 3;
  return proxy.kind === "gateway" ? 1 : 2;
}
