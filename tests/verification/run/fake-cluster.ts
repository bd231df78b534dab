import type { LiveObject, ApplyObject, ObjectReference } from "../../../components/shared/kubernetes/api-server";
import { ApiError } from "../../../components/shared/kubernetes/errors";
import type { ExecOptions, ExecResult } from "../../../components/shared/kubernetes/pod-streams";
import type { probeLabels } from "../../../components/model/mesh-config";
import type { HealthFinding } from "../../../components/verification/result";
import { clientLabel, type MeshPod, type VerificationCluster } from "../../../components/verification/run/cluster";
import { placementOf } from "../../../components/verification/run/placement";
import { FakeLeases } from "../../shared/kubernetes/fake-leases";

/** A request as a client of the cluster sends it. */
export interface FakeRequest {
  readonly id: string;
  /** `namespace/pod` that sends it. */
  readonly client: string;
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly concurrency: number;
}

type RecordLine = Partial<Record<keyof typeof probeLabels, string | number>>;

/** What comes of it. */
export interface FakeAnswer {
  /** @default 200 */
  readonly status?: number;
  /** @default 0 */
  readonly exitCode?: number;
  readonly seconds?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** That the server shows, PEM. */
  readonly certificate?: string;
  /** What proxies record of it, by `namespace/pod`. */
  readonly records?: Readonly<Record<string, RecordLine>>;
}

/** A cluster in memory, whose clients send requests to a function. */
export class FakeCluster implements VerificationCluster {
  readonly leases = new FakeLeases();
  readonly applied: ApplyObject[] = [];
  readonly removed: string[] = [];
  readonly requests: FakeRequest[] = [];
  readonly ephemeral: { readonly pod: string; readonly container: string }[] = [];
  /** Commands that are no requests. */
  readonly commands: string[] = [];
  answer: (request: FakeRequest) => FakeAnswer = () => ({});
  /** Called before each command; may throw, as a broken connection does. */
  onExec: () => void = () => undefined;
  /** Called before an object is applied; may throw, as an API server does. */
  onApply: (object: ApplyObject) => void = () => undefined;
  /** Changes a pod of ours from what it would be. */
  shape: (pod: MeshPod) => MeshPod = (pod) => pod;
  /** Pods of applications. */
  workloads: MeshPod[] = [];
  services: LiveObject[] = [];
  controllers: LiveObject[] = [];
  slices: LiveObject[] = [];
  firewalls: LiveObject[] = [];
  telemetryObjects: LiveObject[] = [];
  /** Titles of objects of ours whose deletion does not end. */
  readonly undeletable = new Set<string>();
  simulated = false;
  /** By Secret, PEM. */
  readonly certificates = new Map<string, string>();
  findings: HealthFinding[] = [];
  private readonly logs = new Map<string, string[]>();
  private readonly followers = new Map<string, Set<(line: string) => void>>();
  private readonly ours = new Map<string, ApplyObject>();

  nodes(): Promise<LiveObject[]> {
    const annotations = this.simulated ? { "kwok.x-k8s.io/node": "fake" } : undefined;
    const metadata = { name: "worker-1", uid: "1", resourceVersion: "1", ...(annotations && { annotations }) };
    return Promise.resolve([{ apiVersion: "v1", kind: "Node", metadata }]);
  }

  pods(namespace?: string): Promise<MeshPod[]> {
    const own = [...this.ours.values()]
      .filter(({ kind }) => kind === "Pod")
      .map((object) => this.shape(ourPod(object)));
    return Promise.resolve(
      [...this.workloads, ...own].filter((pod) => namespace === undefined || pod.namespace === namespace),
    );
  }

  async pod(namespace: string, name: string): Promise<MeshPod | undefined> {
    return (await this.pods(namespace)).find((pod) => pod.name === name);
  }

  limitRanges = () => Promise.resolve<LiveObject[]>([]);
  accountSecrets = () => Promise.resolve(["of-account"]);
  networkPolicies = () => Promise.resolve(this.firewalls);
  telemetries = () => Promise.resolve(this.telemetryObjects);
  health = () => Promise.resolve(this.findings);
  analysis = () => Promise.resolve<HealthFinding[]>([]);

  service(namespace: string, name: string): Promise<LiveObject | undefined> {
    const isMeant = ({ metadata }: LiveObject) => metadata.namespace === namespace && metadata.name === name;
    return Promise.resolve(this.services.find(isMeant));
  }

  selecting(namespace: string): Promise<LiveObject[]> {
    return Promise.resolve(this.controllers.filter(({ metadata }) => metadata.namespace === namespace));
  }

  endpointSlices(namespace: string): Promise<LiveObject[]> {
    return Promise.resolve(this.slices.filter(({ metadata }) => metadata.namespace === namespace));
  }

  apply(object: ApplyObject): Promise<void> {
    return Promise.resolve().then(() => {
      this.onApply(object);
      this.applied.push(object);
      this.ours.set(titleOf(object), object);
    });
  }

  addEphemeralContainer(
    namespace: string,
    pod: string,
    container: { readonly name: string; readonly image: string; readonly command: readonly string[] },
  ): Promise<void> {
    this.ephemeral.push({ pod: `${namespace}/${pod}`, container: container.name });
    this.workloads = this.workloads.map((each) =>
      each.namespace === namespace && each.name === pod
        ? {
            ...each,
            running: [...each.running, container.name],
            ephemeral: [...each.ephemeral, { ...container, startedAt: new Date().toISOString() }],
          }
        : each,
    );
    return Promise.resolve();
  }

  exec(
    { namespace, pod }: { readonly namespace: string; readonly pod: string },
    argv: readonly string[],
    { stdin = "" }: ExecOptions = {},
  ): Promise<ExecResult> {
    return Promise.resolve().then(() => {
      this.onExec();
      if (stdin === "") this.commands.push(`${namespace}/${pod} ${argv.join(" ")}`);
      const config = stdin.slice(0, Number(argv[4]));
      const concurrency = Number(/^parallel-max = (\d+)$/m.exec(config)?.[1]);
      const sections = config.split("\nnext\n").filter((section) => section.includes("write-out"));
      const printed = sections.map((section) => this.send(section, `${namespace}/${pod}`, concurrency));
      return { stdout: Buffer.from(printed.join("")), stderr: "", exitCode: 0 };
    });
  }

  private send(section: string, client: string, concurrency: number): string {
    const option = (name: string) => new RegExp(`^${name} = "(.*)"$`, "m").exec(section)?.[1] ?? "";
    const headers = [...section.matchAll(/^header = "([^:;]+)[:;] ?(.*)"$/gm)].map(([, name = "", value = ""]) => [
      name,
      value,
    ]);
    const [, id = ""] = /write-out = "\\n@(\S+)/.exec(section) ?? [];
    const request = {
      ...{ id, client, concurrency, url: option("url"), method: option("request") || "HEAD" },
      headers: Object.fromEntries(headers) as Record<string, string>,
    };
    this.requests.push(request);
    const {
      status = 200,
      exitCode = 0,
      seconds = 0.01,
      headers: response = {},
      body,
      certificate = "",
      records = {},
    } = this.answer(request);
    for (const [proxy, line] of Object.entries(records)) this.record(proxy, { probe: id, status, ...line });
    const lists = Object.entries(response).map(([name, value]) => [name, [value]] as const);
    const text = body === undefined ? "" : `#body-${id} ${Buffer.from(body).toString("base64")}\n`;
    return `\n@${id} ${status} ${exitCode} ${seconds} 0.001 0 ${exitCode === 0 ? "" : "it failed"}\n${JSON.stringify(Object.fromEntries(lists), undefined, 1)}\n${certificate}\n${text}`;
  }

  /** Adds a line to the log of a proxy. */
  record(proxy: string, line: RecordLine): void {
    const text = JSON.stringify({
      ...{ method: "GET", path: "/", authority: "", start: "1.000", flags: "-" },
      ...line,
    });
    const before = this.logs.get(proxy) ?? ["2026-11-30T10:00:00.000000000Z info Envoy proxy is ready"];
    const stamped = `2026-11-30T10:00:00.${String(before.length).padStart(9, "0")}Z ${text}`;
    this.logs.set(proxy, [...before, stamped]);
    for (const onLine of this.followers.get(proxy) ?? []) onLine(stamped);
  }

  followLog(
    { namespace, name }: { readonly namespace: string; readonly name: string },
    _from: object,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const proxy = `${namespace}/${name}`;
    for (const line of this.logs.get(proxy) ?? []) onLine(line);
    if (signal.aborted) return Promise.resolve();
    const followers = this.followers.get(proxy) ?? new Set();
    this.followers.set(proxy, followers.add(onLine));
    return new Promise((resolve) => {
      signal.addEventListener("abort", () => {
        followers.delete(onLine);
        resolve();
      });
    });
  }

  /** How many logs are followed at the moment. */
  get followed(): number {
    return [...this.followers.values()].reduce((sum, { size }) => sum + size, 0);
  }

  leftovers(): Promise<LiveObject[]> {
    const objects = [...this.ours.values()].filter(({ kind, metadata }) =>
      ["Namespace", "PriorityClass"].includes(kind) ? true : metadata.labels && clientLabel in metadata.labels,
    );
    return Promise.resolve(objects as unknown as LiveObject[]);
  }

  remove(object: LiveObject | ObjectReference): Promise<void> {
    const title = titleOf("metadata" in object ? object : { kind: object.kind, metadata: object });
    this.removed.push(title);
    if (!this.undeletable.has(title)) this.ours.delete(title);
    else this.leave(deleting(this.ours.get(title)));
    return Promise.resolve();
  }

  namespace(name: string): Promise<LiveObject | undefined> {
    const found = this.ours.get(`Namespace ${name}`);
    return Promise.resolve(found as unknown as LiveObject | undefined);
  }

  certificate(namespace: string, name: string): Promise<string | undefined> {
    return Promise.resolve(this.certificates.get(`${namespace}/${name}`));
  }

  pullSecret(name: string): Promise<string | undefined> {
    return Promise.resolve(`content of ${name}`);
  }

  /** Something left by an earlier run, or made by another owner. */
  leave(object: ApplyObject): void {
    this.ours.set(titleOf(object), object);
  }
}

export function quotaExceeded(): never {
  throw new ApiError(403, 'pods "talos-mesh-probe-front" is forbidden: exceeded quota: pods');
}

function deleting(object: ApplyObject | undefined): ApplyObject {
  if (!object) throw new Error("nothing is deleted");
  const metadata = { ...object.metadata, deletionTimestamp: "2026-11-30T10:00:00Z" };
  const condition = { type: "NamespaceContentRemaining", status: "True", message: "pods has 1 resource instances" };
  return { ...object, metadata, status: { conditions: [condition] } };
}

interface Titled {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

export function titleOf({ kind, metadata: { namespace, name } }: Titled): string {
  return `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}

export function meshPod(namespace: string, name: string, more: Partial<MeshPod> = {}): MeshPod {
  return {
    ...{ namespace, name, labels: {}, phase: "Running", ready: true, deleting: false, ended: false, waitingFor: "" },
    ...{ redirected: false, addresses: [], nodeAddress: "192.0.2.1", containers: ["app", "istio-proxy"] },
    ...{ running: ["app", "istio-proxy"], containersReady: ["app", "istio-proxy"], waiting: new Map(), owners: [] },
    ...{ placement: placementOf(), ephemeral: [] },
    ...more,
  };
}

/** A pod of ours, as its data plane makes it. */
function ourPod({ metadata: { name, namespace = "", labels = {} }, spec }: ApplyObject): MeshPod {
  const isAmbient = labels["istio.io/dataplane-mode"] === "ambient" || namespace.endsWith("-ambient");
  const isOutside = labels["sidecar.istio.io/inject"] === "false";
  const proxy = isAmbient || isOutside ? [] : ["istio-proxy"];
  const containers = [...(spec as { containers: { name: string }[] }).containers.map((each) => each.name), ...proxy];
  const states = { containers, running: containers, containersReady: containers, redirected: isAmbient };
  return meshPod(namespace, name, { labels, ready: false, ...states, addresses: [`10.9.0.${name.length}`] });
}
