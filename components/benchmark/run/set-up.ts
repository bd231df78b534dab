import type { Scenario, Usages } from "../metrics/record";
import { namespaceOf, ownLabel, type Places, type Pull, scenarioObjects } from "../objects";
import { ApiError, UnknownKindError } from "../../shared/kubernetes/api-server";
import { rootNamespace } from "../../shared/istio";
import type { Environment, NodeFacts, ScenarioState } from "../report/report";
import { type CheckContext, checked, patience, pause, podsReady } from "./check";
import type { BenchCluster, BenchNode, BenchPod } from "./cluster";
import type { Setup } from "./journal";
import { kubeletPeriod, type Kubelets } from "./kubelets";
import { usageIn } from "./measure-run";
import { meshFacts, proxyFacts } from "./mesh-facts";
import { hardwareOf } from "./node-state";
import { NotMeasurable } from "./not-measurable";
import type { PullRequest } from "./request";
import { isUnreachable } from "../../shared/kubernetes/errors";

export { NotMeasurable };

export interface SetUpContext extends CheckContext {
  readonly meshVersion: string;
  readonly revision?: string;
  readonly pull?: PullRequest;
  readonly kubelets: Kubelets;
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

/** Makes every scenario, checks that each is what its name says, and measures what it takes without load. */
export async function setUp(context: SetUpContext, nodes: readonly [BenchNode, BenchNode]): Promise<Setup> {
  const { cluster, plan, say } = context;
  const [client, server] = nodes;
  await refuseOthers(cluster, plan.scenarios.map(namespaceOf));
  const difference = unlike(client, server);
  if (difference !== undefined) say(difference);
  const pull = context.pull && (await pullOf(cluster, context.pull));
  const places: Places = { clientNode: client.name, serverNode: server.name, revision: context.revision, pull };
  const states: ScenarioState[] = [];
  for (const scenario of plan.scenarios) {
    const made = async (): Promise<ScenarioState> => {
      const reason = await whyNot(scenario, cluster);
      if (reason !== undefined) throw new NotMeasurable(reason);
      for (const object of scenarioObjects(scenario, plan, places)) await cluster.apply(object);
      return { scenario, state: "measured", truths: [] };
    };
    states.push(await attempted(scenario, made, say));
  }
  const images = new Set<string>();
  let hardware: Hardware = {};
  for (const [index, { scenario, state }] of states.entries()) {
    if (state !== "measured") continue;
    const ready = async (): Promise<ScenarioState> => {
      const pods = await podsReady(context, scenario);
      for (const image of pods.flatMap((pod) => pod.images)) images.add(image);
      hardware = { ...hardware, ...(await hardwareUnder(cluster, scenario, pods)) };
      const names = [client.name, server.name];
      const { truths, ...found } = await checked(context, scenario, names);
      const proxies = proxyFacts(scenario, pods, await cluster.ztunnels(names));
      return { ...found, truths: [...truths, ...waypointPlace(scenario, pods, server)], proxies };
    };
    states[index] = await attempted(scenario, ready, say);
  }
  const environment: Environment = {
    kubernetes: await cluster.version(),
    istio: context.meshVersion,
    clientNode: { ...factsOf(client), ...hardware.client },
    serverNode: { ...factsOf(server), ...hardware.server },
    images: [...images].sort(),
    mesh: await meshOf(context),
  };
  const idle = await idleUsage(context, states, nodes);
  const withoutCounters = context.kubelets.missing();
  return {
    scenarios: states,
    environment: { ...environment, ...(withoutCounters.length > 0 && { withoutCounters }) },
    idle,
  };
}

/** For the report only: a cluster where that may not be read is measured all the same. */
async function meshOf({ cluster, revision, say }: SetUpContext): Promise<string[]> {
  try {
    return meshFacts(await cluster.meshState(revision));
  } catch (error) {
    if (!(error instanceof ApiError) || isUnreachable(error)) throw error;
    say(`what the mesh is set to is not in the report: ${error.message}`);
    return [`not known: ${error.message}`];
  }
}

/** All of a namespace is removed in the end, so that it must be ours from the beginning. */
async function refuseOthers(cluster: BenchCluster, namespaces: readonly string[]): Promise<void> {
  const others = await cluster.foreignNamespaces(namespaces);
  if (others.length === 0) return;
  const [label = ""] = Object.entries(ownLabel).map((entry) => entry.join("="));
  throw new NotMeasurable(
    `namespace ${others.join(", ")} exists and is not ours: it has no label ${label}; ` +
      "the benchmark makes and removes namespaces of these names, so rename that one or measure elsewhere",
  );
}

/** Differences between scenarios still hold; what client and server use is then not to be added up. */
function unlike(client: BenchNode, server: BenchNode): string | undefined {
  const titles = [client, server].map(({ cores, architecture }) => `${cores} cores ${architecture}`);
  if (titles[0] === titles[1]) return undefined;
  return `The nodes are not alike: ${client.name} has ${titles.join(`, ${server.name} `)}. A vCPU of one is not one of the other`;
}

/**
 * A scenario that cannot be measured is told with its reason, and the others go on.
 *
 * @throws NotMeasurable where it is `none`, as nothing could then be compared
 */
async function attempted(
  scenario: Scenario,
  attempt: () => Promise<ScenarioState>,
  say: (line: string) => void,
): Promise<ScenarioState> {
  const { reason, ...state } = await attempt().catch((error: unknown): ScenarioState => {
    const expected = [NotMeasurable, ApiError, UnknownKindError].some((kind) => error instanceof kind);
    if (!expected || isUnreachable(error)) throw error;
    return { scenario, state: "not measured", reason: (error as Error).message, truths: [] };
  });
  if (reason === undefined) return state;
  if (scenario === "none") {
    throw new NotMeasurable(`none cannot be measured, and all others are compared with it: ${reason}`);
  }
  say(`${scenario}: not measured, ${reason}`);
  return { ...state, reason };
}

/** Istio before 1.26 does not read where a waypoint is to stand. */
function waypointPlace(scenario: Scenario, pods: readonly BenchPod[], server: BenchNode): string[] {
  const waypoint = scenario === "waypoint" && pods.find(({ name }) => name.startsWith("waypoint-"));
  if (!waypoint) return [];
  const beside = waypoint.node === server.name ? "beside the server" : `not beside the server on ${server.name}`;
  return [`the waypoint is on ${waypoint.node}, ${beside}`];
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
