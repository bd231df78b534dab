import { gzipSync } from "node:zlib";
import type { ContainerSample } from "../../../components/benchmark/measure/usage";
import { ports } from "../../../components/benchmark/objects";
import type {
  BenchCluster,
  BenchNode,
  BenchPod,
  Connections,
  MeshState,
} from "../../../components/benchmark/run/cluster";
import type { Annotation } from "../../../components/benchmark/run/grafana";
import type { ExecResult } from "../../../components/shared/kubernetes/pod-streams";
import type { ApplyObject } from "../../../components/shared/kubernetes/api-server";
import { recorded } from "../fixtures";
import { FakeLeases } from "../../shared/kubernetes/fake-leases";

/** A cluster in memory, whose load generators print what real ones printed. */
export class FakeCluster implements BenchCluster {
  readonly applied: ApplyObject[] = [];
  /** `pod namespace container argv...` of every command. */
  readonly commands: string[] = [];
  readonly leases = new FakeLeases();
  simulated = false;
  /** Of every node's object. */
  uid = "1";
  /** Called before each command; may throw, as a broken connection does. */
  onExec: (command: string) => void = () => undefined;
  /** Instead of the recorded output. */
  output: (argv: readonly string[]) => string | undefined = () => undefined;
  hardware = "/sys/class/net/eth0/mtu:1450\n/proc/cpuinfo:model name\t: A processor\n";
  /** The first line of /proc/stat. */
  processorTime: () => string = () => "";
  /** When kubelets read their counters first: after the recorded warm-up, in milliseconds since 1970. */
  countedSince = Date.UTC(2026, 10, 24);
  parts = new Set<"istiod" | "ztunnel">(["istiod", "ztunnel"]);
  echo: (namespace: string) => string = () => "HTTP/1.1 200 OK\n\nHost: server:8080\n";
  /** Namespaces of other owners. */
  foreign: readonly string[] = [];
  /** Changes a pod from what it would be. */
  pod: (namespace: string, pod: BenchPod) => BenchPod = (_namespace, pod) => pod;
  /** Why pods cannot be created. */
  refused: (namespace: string) => string[] = () => [];
  /** Called before an object is applied; may throw, as an API server does. */
  onApply: (object: ApplyObject) => void = () => undefined;
  stderr: (argv: readonly string[]) => string = () => "";
  exitCode: (namespace: string, argv: readonly string[]) => number = () => 0;
  /** What ztunnels count for each request: undefined where they cannot be read. */
  opened: Connections | undefined = { mutual: 2, plain: 0 };
  /** Contents of pull secrets by name. */
  readonly pullSecrets = new Map<string, string>();
  /** What Grafana got; `onAnnotate` may throw, as where there is no Grafana. */
  readonly annotations: (Annotation & { readonly namespace: string })[] = [];
  onAnnotate: () => void = () => undefined;
  private readonly there = new Map<string, ApplyObject[]>();
  private clock = 0;

  /** Something left by an earlier run. */
  leftOver(namespace: string): void {
    this.there.set(namespace, []);
  }

  version(): Promise<string> {
    return Promise.resolve("v1.36.3");
  }

  nodes(): Promise<BenchNode[]> {
    const names = ["control-plane", "worker-2", "worker-1"];
    return Promise.resolve(names.map((name) => this.node(name)));
  }

  private node(name: string): BenchNode {
    return {
      ...{
        name,
        uid: `${name}-${this.uid}`,
        cores: 4,
        memoryBytes: 2 ** 33,
        architecture: "amd64",
        osImage: "Talos",
        kernel: "6.12",
      },
      ...{ containerRuntime: "containerd://2.1", simulated: this.simulated, controlPlane: name === "control-plane" },
    };
  }

  istiodNodes(): Promise<string[]> {
    return Promise.resolve(["control-plane"]);
  }

  missing(part: "istiod" | "ztunnel"): Promise<string | undefined> {
    return Promise.resolve(this.parts.has(part) ? undefined : `there is no ready ${part} in istio-system`);
  }

  foreignNamespaces(names: readonly string[]): Promise<string[]> {
    return Promise.resolve(names.filter((name) => this.foreign.includes(name)));
  }

  refusals(namespace: string): Promise<string[]> {
    return Promise.resolve(this.refused(namespace));
  }

  connections(namespace: string): Promise<Connections | undefined> {
    const requests = this.commands.filter((command) => command.includes(` ${namespace} fortio`)).length;
    const { mutual, plain } = this.opened ?? { mutual: 0, plain: 0 };
    return Promise.resolve(this.opened && { mutual: mutual * requests, plain: plain * requests });
  }

  async apply(object: ApplyObject): Promise<void> {
    await Promise.resolve();
    this.onApply(object);
    this.applied.push(object);
    const namespace = object.kind === "Namespace" ? object.metadata.name : (object.metadata.namespace ?? "");
    this.there.set(namespace, [...(this.there.get(namespace) ?? []), object]);
  }

  pods(namespace: string): Promise<BenchPod[]> {
    const objects = this.there.get(namespace) ?? [];
    const deployments = objects.filter(({ kind }) => kind === "Deployment").map(({ metadata }) => metadata.name);
    const gateways = objects.filter(({ kind }) => kind === "Gateway").map(({ metadata }) => metadata.name);
    const sidecar = namespace === "bench-sidecar" ? ["istio-proxy"] : [];
    const pods = [...deployments, ...gateways].map((app) => ({
      ...{ name: `${app}-abc`, app, node: "worker-1", ready: true, waitingFor: "" },
      containers: ["fortio", "iperf3", ...sidecar],
      redirected: namespace === "bench-ambient" || namespace === "bench-waypoint",
      images: ["fortio/fortio:1.66.0 (sha256:1)"],
      restarts: {},
    }));
    return Promise.resolve(pods.map((pod) => this.pod(namespace, pod)));
  }

  namespaces(): Promise<string[]> {
    return Promise.resolve([...this.there.keys()]);
  }

  removeNamespace(name: string): Promise<void> {
    this.there.delete(name);
    return Promise.resolve();
  }

  pullSecret(name: string): Promise<string | undefined> {
    return Promise.resolve(this.pullSecrets.get(name));
  }

  annotate(namespace: string, annotation: Annotation): Promise<void> {
    return Promise.resolve().then(() => {
      this.onAnnotate();
      this.annotations.push({ namespace, ...annotation });
    });
  }

  exec(pod: string, namespace: string, container: string, argv: readonly string[]): Promise<ExecResult> {
    const command = [pod, namespace, container, ...argv].join(" ");
    this.commands.push(command);
    return Promise.resolve().then(() => {
      this.onExec(command);
      return {
        stdout: this.stdout(namespace, argv),
        stderr: this.stderr(argv),
        exitCode: this.exitCode(namespace, argv),
      };
    });
  }

  private stdout(namespace: string, argv: readonly string[]): Buffer {
    const [program = "", verb] = argv;
    if (program === "grep") return Buffer.from(this.hardware);
    if (program === "head") return Buffer.from(this.processorTime());
    if (program === "gzip") return gzipSync(recorded("fortio/http-ok.access.log"));
    if (verb === "curl") return Buffer.from(this.echo(namespace));
    const given = this.output(argv);
    if (given !== undefined) return Buffer.from(given);
    if (program === "iperf3") return Buffer.from(streamed(argv));
    if (argv.some((arg) => arg.endsWith(String(ports["tcp-echo"])))) return Buffer.from(recorded("fortio/tcp-rr.json"));
    return Buffer.from(recorded(verb === "load" ? "fortio/http-ok.json" : "fortio/nothing.json"));
  }

  ztunnels(nodes: readonly string[]): Promise<BenchPod[]> {
    const proxy = { image: "", requests: { cpu: "200m", memory: "512Mi" }, limits: {} };
    const ztunnel = { app: "ztunnel", ready: true, waitingFor: "", containers: ["istio-proxy"], images: [] };
    return Promise.resolve(
      nodes.map((node) => ({
        ...ztunnel,
        ...{ name: `ztunnel-${node}`, node, redirected: false, restarts: {}, proxy },
      })),
    );
  }

  meshState(): Promise<MeshState> {
    return Promise.resolve({ config: "accessLogFile: /dev/stdout", objects: [], istiods: 1, proxies: 9, services: 20 });
  }

  usage(node: string): Promise<ContainerSample[]> {
    this.clock += 1;
    const sample = {
      ...{ node, namespace: "bench-sidecar" },
      container: "istio-proxy",
      at: this.countedSince + this.clock * 10_000,
      memory: 60 * 2 ** 20,
    };
    const pod = node === "worker-1" ? "client-abc" : "server-abc";
    return Promise.resolve([{ ...sample, pod, cpuNanos: this.clock * 1e9 }]);
  }
}

/** What iperf3 printed, as if it had been asked for so many streams. */
function streamed(argv: readonly string[]): string {
  const printed = recorded(argv.includes("-R") ? "iperf3/reverse.json" : "iperf3/ok.json");
  return printed.replace(/"num_streams":\s*\d+/, `"num_streams": ${argv[argv.indexOf("-P") + 1]}`);
}
