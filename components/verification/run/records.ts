import type { Sleep } from "../../shared/kubernetes/wait";
import { workloadKey } from "../../model/names";
import { type LogSource, markCopies, probeRecords } from "../evidence/records";
import type { ProxyRecord } from "../result";
import { isClientPod } from "./addresses";
import { selects } from "./adoption";
import type { MeshPod, VerificationCluster } from "./cluster";
import type { Sent } from "./requests";
import { type RunPlan, workloadsOf } from "./run-plan";

/** Milliseconds after which a proxy has written what it recorded: Envoy does every second. */
const flushInterval = 1200;
/** Milliseconds to wait for records that are missing. */
const recordTimeout = 5000;

type Source = MeshPod & { readonly kind: LogSource["kind"] };

/** What proxies recorded of requests, from the logs of those that may have seen them. */
export class Records {
  /** Whether any proxy records requests: otherwise none is waited for. */
  private hasAny = true;

  constructor(
    private readonly context: {
      readonly cluster: Pick<VerificationCluster, "pods" | "proxyLog">;
      readonly plan: RunPlan;
      readonly sleep: Sleep;
      readonly now: () => number;
      readonly log: (line: string) => void;
    },
  ) {}

  /** @param since when the first of them was sent, by the same clock */
  async of(sent: readonly Sent[], since: number): Promise<ReadonlyMap<string, readonly ProxyRecord[]>> {
    const ids = new Set(sent.map(({ id }) => id));
    const pods = await this.pods(sent);
    const read = async (sources: readonly Source[], into: Map<string, ProxyRecord[]>) => {
      await Promise.all(sources.map((source) => this.read(source, pods, since, ids, into)));
    };
    let waited = 0;
    for (let pause = flushInterval; ; pause = 500) {
      await this.context.sleep(pause);
      waited += pause;
      const found = new Map<string, ProxyRecord[]>();
      const first = sourcesOf(sent, pods, this.context.plan);
      await read(first, found);
      const names = new Set(first.map(keyOf));
      await read(
        upstreams(found, pods).filter((source) => !names.has(keyOf(source))),
        found,
      );
      if (!this.hasAny || waited >= recordTimeout || sent.every((one) => isComplete(one, found, pods))) {
        if (this.hasAny && found.size === 0 && sent.some(isRecorded)) {
          this.hasAny = false;
          this.context.log("No proxy records the requests of probes: verdicts are by what clients saw");
        } else if (found.size > 0) this.hasAny = true;
        return new Map([...found].map(([id, records]) => [id, inOrder(markCopies(inOrder(records)))]));
      }
    }
  }

  private async read(
    { kind, namespace, name, labels }: Source,
    pods: readonly MeshPod[],
    since: number,
    ids: ReadonlySet<string>,
    into: Map<string, ProxyRecord[]>,
  ): Promise<void> {
    // Two seconds for the clocks, and because the server takes whole seconds.
    const log = await this.context.cluster.proxyLog(namespace, name, (this.context.now() - since) / 1000 + 2);
    const source = { kind, namespace, pod: name, isClient: isClientPod({ labels }) };
    for (const { probe, record } of probeRecords(log, source, (address) => this.podAt(address, pods))) {
      if (ids.has(probe)) into.set(probe, [...(into.get(probe) ?? []), record]);
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
  private async pods(sent: readonly Sent[]): Promise<MeshPod[]> {
    const namespaces = new Set([
      ...Object.keys(this.context.plan.namespaces),
      ...this.context.plan.gateways.map(({ namespace }) => namespace),
      ...sent.map(({ order }) => order.client.namespace),
    ]);
    const found = await Promise.all([...namespaces].map((namespace) => this.context.cluster.pods(namespace)));
    return found.flat().filter(({ ended }) => !ended);
  }
}

const keyOf = ({ namespace, name }: MeshPod) => `${namespace}/${name}`;

/** The proxies that requests come by, as far as their targets say. */
function sourcesOf(sent: readonly Sent[], pods: readonly MeshPod[], plan: RunPlan): Source[] {
  const clients = new Set(sent.map(({ order: { client } }) => `${client.namespace}/${client.pod}`));
  const series = [...new Set(sent.map(({ order }) => order.series))];
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
