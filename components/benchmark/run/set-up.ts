import type { Usages } from "../measure/record";
import { namespaceOf, type Places, ports, type Pull, scenarioObjects } from "../objects";
import type { BenchmarkPlan, Scenario } from "../plan/plan";
import { rootNamespace } from "../../shared/root-namespace";
import type { Environment, NodeFacts, ScenarioState } from "../report/report";
import type { BenchCluster, BenchNode, BenchPod } from "./cluster";
import type { Setup } from "./journal";
import { kubeletPeriod, type Kubelets } from "./kubelets";
import { usageIn } from "./measure-run";
import { meshFacts, proxyFacts } from "./mesh-facts";
import { hardwareOf } from "./node-state";
import type { PullRequest } from "./request";
import { truthOf } from "./truth";

/** It cannot be measured here, and why. */
export class NotMeasurable extends Error {
  override readonly name = "NotMeasurable";
}

export interface SetUpContext {
  readonly cluster: BenchCluster;
  readonly plan: BenchmarkPlan;
  readonly meshVersion: string;
  readonly revision?: string;
  readonly pull?: PullRequest;
  readonly kubelets: Kubelets;
  readonly say: (line: string) => void;
  /** Waits for some milliseconds; rejects when the run is to stop. */
  readonly rest: (ms: number) => Promise<unknown>;
}

/** The two nodes of a benchmark: workers before control planes, then by name, so that every run takes the same ones. */
export async function chooseNodes(cluster: BenchCluster): Promise<readonly [client: BenchNode, server: BenchNode]> {
  const nodes = await cluster.nodes();
  const real = nodes.filter(({ simulated }) => !simulated);
  if (nodes.length > 0 && real.length === 0) {
    throw new NotMeasurable("all nodes are simulated: no container runs on them, so there is nothing to measure");
  }
  const order = [...real].sort((a, b) => Number(a.controlPlane) - Number(b.controlPlane) || (a.name < b.name ? -1 : 1));
  const [client, server] = order;
  if (client && server) return [client, server];
  throw new NotMeasurable(
    `found ${real.length} ${real.length === 1 ? "node" : "nodes"} that are ready and take pods; client and server need one each`,
  );
}

/** Milliseconds until pods have to be ready, images pulled. */
const patience = 300_000;
const pause = 2000;

/** Makes every scenario, checks that each is what its name says, and measures what it takes without load. */
export async function setUp(context: SetUpContext, nodes: readonly [BenchNode, BenchNode]): Promise<Setup> {
  const { cluster, plan, say } = context;
  const [client, server] = nodes;
  const states: ScenarioState[] = [];
  const pull = context.pull && (await pullOf(cluster, context.pull));
  for (const scenario of plan.scenarios) {
    const reason = await whyNot(scenario, cluster);
    if (reason !== undefined) {
      say(`${scenario}: not measured, ${reason}`);
      states.push({ scenario, state: "not measured", reason, truths: [] });
      continue;
    }
    const places: Places = { clientNode: client.name, serverNode: server.name, revision: context.revision, pull };
    for (const object of scenarioObjects(scenario, plan, places)) await cluster.apply(object);
    states.push({ scenario, state: "measured", truths: [] });
  }
  const images = new Set<string>();
  let hardware: Hardware = {};
  for (const [index, { scenario, state }] of states.entries()) {
    if (state !== "measured") continue;
    const pods = await podsReady(context, scenario);
    for (const image of pods.flatMap((pod) => pod.images)) images.add(image);
    hardware = { ...hardware, ...(await hardwareUnder(cluster, scenario, pods)) };
    const ztunnels = await cluster.ztunnels([client.name, server.name]);
    states[index] = { ...(await checked(context, scenario)), proxies: proxyFacts(scenario, pods, ztunnels) };
  }
  const environment: Environment = {
    kubernetes: await cluster.version(),
    istio: context.meshVersion,
    clientNode: { ...factsOf(client), ...hardware.client },
    serverNode: { ...factsOf(server), ...hardware.server },
    images: [...images].sort(),
    mesh: meshFacts(await cluster.meshState(context.revision)),
  };
  const idle = await idleUsage(context, states, nodes);
  const withoutCounters = context.kubelets.missing();
  return { scenarios: states, environment: { ...environment, ...(withoutCounters.length > 0 && { withoutCounters }) }, idle };
}

/** Secrets are copied from where the environment has them: a pod can name those of its own namespace only. */
async function pullOf(cluster: BenchCluster, { policy, secrets }: PullRequest): Promise<Pull> {
  const found = await Promise.all(secrets.map(async (name) => [name, await cluster.pullSecret(name)] as const));
  const missing = found.flatMap(([name, content]) => (content === undefined ? [name] : []));
  if (missing.length > 0) {
    throw new NotMeasurable(
      `talos-mesh:images.pullSecrets: the cluster has no ${missing.join(", ")} in ${rootNamespace}; deploy the stack first`,
    );
  }
  return { policy, secrets: Object.fromEntries(found) as Record<string, string> };
}

type Hardware = Readonly<Partial<Record<"client" | "server", Partial<NodeFacts>>>>;

async function hardwareUnder(cluster: BenchCluster, scenario: Scenario, pods: readonly BenchPod[]): Promise<Hardware> {
  const entries: [string, Partial<NodeFacts>][] = [];
  for (const { app, name } of pods.filter((pod) => pod.app === "client" || pod.app === "server")) {
    entries.push([app, await hardwareOf((argv) => cluster.exec(name, namespaceOf(scenario), "iperf3", argv))]);
  }
  return Object.fromEntries(entries);
}

async function whyNot(scenario: Scenario, cluster: BenchCluster): Promise<string | undefined> {
  if (scenario === "none" || scenario === "control") return undefined;
  return cluster.missing(scenario === "sidecar" ? "istiod" : "ztunnel");
}

async function podsReady({ cluster, plan, rest, say }: SetUpContext, scenario: Scenario) {
  const namespace = namespaceOf(scenario);
  const expected = ["client", "server"];
  if (plan.arms.some(({ placement }) => placement === "same-node")) expected.push("client-near");
  if (scenario === "waypoint") expected.push("waypoint");
  let told = "";
  for (let waited = 0; ; waited += pause) {
    const pods = await cluster.pods(namespace);
    const missing = expected.filter(
      (app) => !pods.some((pod) => pod.ready && (pod.app === app || pod.name.startsWith(`${app}-`))),
    );
    if (missing.length === 0) return pods;
    const why = pods.find((pod) => !pod.ready)?.waitingFor ?? "there is no pod yet";
    const line = `${scenario}: waiting for ${missing.join(", ")} (${why})`;
    if (line !== told) say((told = line));
    if (waited >= patience) {
      throw new NotMeasurable(`${line}, for ${patience / 1000} s. Look with: kubectl -n ${namespace} describe pods`);
    }
    await rest(pause);
  }
}

/** Asks the server what it sees of a request, and judges by that and by the pods. */
async function checked({ cluster, say }: SetUpContext, scenario: Scenario): Promise<ScenarioState> {
  const namespace = namespaceOf(scenario);
  const pods = (await cluster.pods(namespace)).filter(({ app }) => app === "client" || app === "server");
  const client = pods.find(({ app }) => app === "client");
  const url = `http://server:${ports.http}/debug`;
  const answer = client && (await cluster.exec(client.name, namespace, "fortio", ["/usr/bin/fortio", "curl", url]));
  const { truths, problem } = truthOf(scenario, {
    containers: pods.flatMap(({ containers }) => containers),
    redirected: pods.length > 0 && pods.every(({ redirected }) => redirected),
    echo: answer ? `${answer.stdout.toString("utf8")}\n${answer.stderr}` : "",
  });
  const failed = answer?.exitCode === 0 ? problem : "its server does not answer its client";
  if (failed === undefined) return { scenario, state: "measured", truths };
  say(`${scenario}: not measured, ${failed}`);
  return { scenario, state: "not measured", reason: failed, truths };
}

async function idleUsage(
  { kubelets, plan, say, rest }: SetUpContext,
  states: readonly ScenarioState[],
  nodes: readonly [BenchNode, BenchNode],
): Promise<Partial<Record<Scenario, Usages>>> {
  say(`measuring what is used without load, ${plan.idleSeconds} s`);
  // Until then the counters that kubelets have may be of proxies that start.
  await rest(kubeletPeriod * 1000);
  const before = await kubelets.look();
  await rest(plan.idleSeconds * 1000);
  const after = await kubelets.look();
  const measured = states.filter(({ state }) => state === "measured");
  return Object.fromEntries(measured.map(({ scenario }) => [scenario, usageIn(scenario, nodes, before, after)]));
}

/** Nodes of client and server, and those of the control plane. */
export async function countedNodes(cluster: BenchCluster, nodes: readonly BenchNode[]): Promise<string[]> {
  const istiod = await cluster.istiodNodes().catch(() => []);
  return [...new Set([...nodes.map(({ name }) => name), ...istiod])];
}

function factsOf({ name, cores, memoryBytes, architecture, osImage, kernel, containerRuntime }: BenchNode) {
  return { name, cores, memoryBytes, architecture, osImage, kernel, containerRuntime };
}

/** Removes every namespace of a benchmark, and waits until they are gone. */
export async function cleanUp(
  cluster: BenchCluster,
  rest: (ms: number) => Promise<unknown>,
  patienceMs = patience,
): Promise<void> {
  for (const name of await cluster.namespaces()) await cluster.removeNamespace(name);
  for (let waited = 0; (await cluster.namespaces()).length > 0; waited += pause) {
    if (waited >= patienceMs) {
      throw new Error(`still there: namespaces ${(await cluster.namespaces()).join(", ")}; the next run removes them`);
    }
    await rest(pause);
  }
}
