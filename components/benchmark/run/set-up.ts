import { rootNamespace } from "../../shared/istio";
import { ApiError } from "../../shared/kubernetes/api-server";
import { isUnreachable, UnknownKindError } from "../../shared/kubernetes/errors";
import { Missing, type Sleep, waitFor, type WaitTimeout } from "../../shared/kubernetes/wait";
import { meshParts, type Scenario, type Usages } from "../metrics/record";
import { managedBy } from "../../shared/kubernetes/object";
import { benchmarkManager, namespaceOf, type Pull, scenarioObjects, type ScenarioOptions } from "../objects";
import type { Environment, NodeFacts, ScenarioState } from "../report/report";
import type { BenchCluster, BenchNode, BenchPod } from "./cluster";
import type { Setup } from "./journal";
import { usageBetween } from "../measure/usage";
import { endpointsOf } from "./measure-runs";
import {
  differenceOf,
  hardwareOf,
  kubeletPeriod,
  type Kubelets,
  meshFacts,
  type NodePair,
  proxyFacts,
} from "./environment";
import { NotMeasurable, type PullRequest } from "./request";
import { type CheckContext, checkScenario, readyPods, podTimeout } from "./scenario-check";

interface SetUpContext extends CheckContext {
  readonly meshVersion: string;
  readonly revision?: string;
  readonly pull?: PullRequest;
  readonly kubelets: Kubelets;
}

/** Creates every scenario, checks that each has its data plane, and measures its usage without load. */
export async function setUp(context: SetUpContext, nodes: NodePair): Promise<Setup> {
  const { cluster, plan, log, revision } = context;
  const [client, server] = nodes;
  await refuseForeign(cluster, plan.scenarios.map(namespaceOf));
  const difference = differenceOf(nodes);
  if (difference !== undefined) log(difference);
  const pull = context.pull && (await pullOf(cluster, context.pull));
  const options: ScenarioOptions = { clientNode: client.name, serverNode: server.name, revision, pull };
  const states: ScenarioState[] = [];
  for (const scenario of plan.scenarios) {
    const create = async (): Promise<ScenarioState> => {
      const [part] = meshParts[scenario].filter((each) => each === "istiod" || each === "ztunnel");
      const reason = part && (await cluster.missing(part));
      if (reason !== undefined) throw new NotMeasurable(reason);
      for (const object of scenarioObjects(scenario, plan, options)) await cluster.apply(object);
      return { scenario, state: "measured", truths: [] };
    };
    states.push(await orNotMeasured(scenario, create, log));
  }
  const images = new Set<string>();
  const hardware: Partial<Record<string, Partial<NodeFacts>>> = {};
  for (const [index, { scenario, state }] of states.entries()) {
    if (state !== "measured") continue;
    const check = async (): Promise<ScenarioState> => {
      const pods = await readyPods(context, scenario);
      for (const image of pods.flatMap((pod) => pod.images)) images.add(image);
      for (const { app, name } of pods) {
        const shell = (argv: readonly string[]) => cluster.exec(name, namespaceOf(scenario), "iperf3", argv);
        if (app === "client" || app === "server") hardware[app] = await hardwareOf(shell);
      }
      const names = [client.name, server.name];
      const { truths, ...found } = await checkScenario(context, scenario, names);
      const proxies = proxyFacts(scenario, pods, await cluster.ztunnels(names));
      return { ...found, truths: [...truths, ...waypointNode(scenario, pods, server)], proxies };
    };
    states[index] = await orNotMeasured(scenario, check, log);
  }
  const idle = await idleUsage(context, states, nodes);
  const withoutCounters = context.kubelets.missing();
  const environment: Environment = {
    kubernetes: await cluster.version(),
    istio: context.meshVersion,
    clientNode: { ...factsOf(client), ...hardware.client },
    serverNode: { ...factsOf(server), ...hardware.server },
    images: [...images].sort(),
    mesh: await factsOfMesh(context),
    ...(withoutCounters.length > 0 && { withoutCounters }),
  };
  return { scenarios: states, environment, idle };
}

/** For the report only: a cluster that does not let us read the settings of the mesh is measured all the same. */
async function factsOfMesh({ cluster, revision, log }: SetUpContext): Promise<string[]> {
  try {
    return meshFacts(await cluster.meshState(revision));
  } catch (error) {
    if (!(error instanceof ApiError) || isUnreachable(error)) throw error;
    log(`The report is without the settings of the mesh: ${error.message}`);
    return [`not known: ${error.message}`];
  }
}

/** Whole namespaces are deleted in the end, so they must be created by a benchmark. */
async function refuseForeign(cluster: BenchCluster, namespaces: readonly string[]): Promise<void> {
  const foreign = await cluster.foreignNamespaces(namespaces);
  if (foreign.length === 0) return;
  throw new NotMeasurable(
    `not ours, because without the label ${managedBy}=${benchmarkManager}: namespaces ${foreign.join(", ")}; ` +
      "the benchmark creates and deletes namespaces of these names: rename them, or measure elsewhere",
  );
}

/** A scenario that cannot be measured is reported with its reason, and the others are measured. */
async function orNotMeasured(
  scenario: Scenario,
  attempt: () => Promise<ScenarioState>,
  log: (line: string) => void,
): Promise<ScenarioState> {
  const { reason, ...state } = await attempt().catch((error: unknown): ScenarioState => {
    const isExpected = [NotMeasurable, ApiError, UnknownKindError].some((kind) => error instanceof kind);
    if (!isExpected || isUnreachable(error)) throw error;
    return { scenario, state: "not measured", reason: (error as Error).message, truths: [] };
  });
  if (reason === undefined) return state;
  if (scenario === "none") {
    throw new NotMeasurable(`scenario "none" cannot be measured, and all others are compared with it: ${reason}`);
  }
  log(`${scenario}: not measured, ${reason}`);
  return { ...state, reason };
}

/** Says on which node the waypoint is: Istio before 1.26 ignores the node that the benchmark asks for. */
function waypointNode(scenario: Scenario, pods: readonly BenchPod[], server: BenchNode): string[] {
  const waypoint = scenario === "waypoint" && pods.find(({ name }) => name.startsWith("waypoint-"));
  if (!waypoint) return [];
  const relation = waypoint.node === server.name ? "the server's node" : `not the server's node ${server.name}`;
  return [`the waypoint is on ${waypoint.node}, ${relation}`];
}

/** Secrets are copied from the root namespace, because a pod can use those of its own namespace only. */
async function pullOf(cluster: BenchCluster, { policy, secrets }: PullRequest): Promise<Pull> {
  const found = await Promise.all(secrets.map(async (name) => [name, await cluster.pullSecret(name)] as const));
  const absent = found.flatMap(([name, content]) => (content === undefined ? [name] : []));
  if (absent.length > 0) {
    throw new NotMeasurable(
      `talos-mesh:images.pullSecrets: the cluster has no ${absent.join(", ")} in ${rootNamespace}; deploy the stack first`,
    );
  }
  return { policy, secrets: Object.fromEntries(found) as Record<string, string> };
}

async function idleUsage(
  { kubelets, plan, log, sleep }: SetUpContext,
  states: readonly ScenarioState[],
  nodes: NodePair,
): Promise<Partial<Record<Scenario, Usages>>> {
  log(`measuring the usage without load, ${plan.idleSeconds} s`);
  // A kubelet's counters may be this old, and would then include the start of the proxies.
  await sleep(kubeletPeriod * 1000);
  const before = await kubelets.read();
  await sleep(plan.idleSeconds * 1000);
  const after = await kubelets.read();
  const measured = states.filter(({ state }) => state === "measured");
  return Object.fromEntries(
    measured.map(({ scenario }) => [scenario, usageBetween(before, after, endpointsOf(scenario, "other-node", nodes))]),
  );
}

function factsOf({ name, cores, memoryBytes, architecture, osImage, kernel, containerRuntime }: BenchNode) {
  return { name, cores, memoryBytes, architecture, osImage, kernel, containerRuntime };
}

export async function cleanUp(cluster: BenchCluster, sleep: Sleep): Promise<void> {
  await requestCleanUp(cluster);
  const check = async () => {
    const left = await cluster.namespaces();
    return left.length === 0 || new Missing(left.join(", "));
  };
  const onTimeout = ({ cause, missing }: WaitTimeout) => {
    throw (cause as Error | undefined) ?? new Error(`namespaces ${missing} still exist; the next run deletes them`);
  };
  await waitFor(check, { timeoutMs: podTimeout, sleep, onTimeout });
}

export async function requestCleanUp(cluster: BenchCluster): Promise<void> {
  for (const name of await cluster.namespaces()) await cluster.removeNamespace(name);
}
