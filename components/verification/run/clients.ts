import type { DataPlane } from "../../model/data-planes";
import { ApiError, type ApplyObject } from "../../shared/kubernetes/api-server";
import { ExecError } from "../../shared/kubernetes/errors";
import { managedBy } from "../../shared/kubernetes/object";
import { Missing, type Sleep, waitFor, type WaitTimeout } from "../../shared/kubernetes/wait";
import { own } from "../../shared/own";
import { messageOf, UserError } from "../../shared/problem";
import type { ProbeClient, ProbeTarget, Series } from "../probe";
import { adopterOf, selects } from "./adoption";
import {
  clientContainer,
  clientKey,
  ending,
  ephemeralContainer,
  namespaceObjects,
  type PodOptions,
  strangerNamespace,
  strangerPod,
  witnessName,
  witnessObjects,
  workloadPod,
} from "./client-objects";
import { type MeshPod, type VerificationCluster, verificationManager } from "./cluster";
import type { RunNamespace, RunPlan, RunWorkload } from "./run-plan";

/** Where requests are sent from. */
export interface Client {
  readonly key: string;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** Whether its sidecar records its requests. */
  readonly proxied: boolean;
}

/** A client, or why there is none. */
export type ClientState = Client | { readonly key: string; readonly unavailable: string };

export interface ClientContext {
  readonly cluster: VerificationCluster;
  readonly plan: RunPlan;
  /** Part of the names of what cannot be used twice. */
  readonly run: string;
  /** How long the run may take at most. */
  readonly seconds: number;
  readonly sleep: Sleep;
  readonly log: (line: string) => void;
}

/** Milliseconds for images to be pulled and sidecars to be configured. */
const podTimeout = 180_000;

type Stranger = Exclude<ProbeClient, { kind: "workload" }>;

/** Creates every client that series need, at once, and waits for each. A client that there cannot be has a reason. */
export async function createClients(
  context: ClientContext,
  series: readonly Series[],
): Promise<ReadonlyMap<string, ClientState>> {
  const wanted = new Map(series.map(({ client }) => [clientKey(client), client]));
  const strangers = [...wanted.values()].filter((client) => client.kind !== "workload");
  await createNamespaces(context, strangers);
  const states = [...wanted].map(async ([key, client]): Promise<ClientState> => {
    try {
      return {
        key,
        ...(await (client.kind === "workload" ? ofWorkload(context, client) : ofStranger(context, client))),
      };
    } catch (error) {
      if (!(error instanceof ClientError || (error instanceof ApiError && error.status < 500))) throw error;
      return { key, unavailable: error.message };
    }
  });
  return new Map((await Promise.all(states)).map((state) => [state.key, state]));
}

/** There cannot be a client, for the reason in the message. */
class ClientError extends UserError {
  override readonly name = "ClientError";
}

async function createNamespaces({ cluster, plan }: ClientContext, strangers: readonly Stranger[]): Promise<void> {
  const found = plan.pull.secrets.map(async (name) => [name, await cluster.pullSecret(name)] as const);
  const secrets = new Map(
    (await Promise.all(found)).flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])),
  );
  for (const client of strangers) {
    const name = strangerNamespace(client);
    const found = await cluster.namespace(name);
    if (found && found.metadata.labels?.[managedBy] !== verificationManager) {
      throw new UserError(
        `namespace ${name} is not ours: it has no label ${managedBy}=${verificationManager}; ` +
          "the verification creates and deletes namespaces of this name: rename it",
      );
    }
    const labels = plan.strangers[client.kind === "stranger" ? client.dataPlane : "outside"];
    for (const object of namespaceObjects(name, labels, secrets)) await cluster.apply(object);
  }
}

function optionsOf({ plan, seconds }: ClientContext): PodOptions {
  return { image: plan.image, pull: plan.pull, seconds };
}

async function ofStranger(context: ClientContext, client: Stranger): Promise<Omit<Client, "key">> {
  const plane = client.kind === "stranger" ? client.dataPlane : "none";
  return podClient(context, strangerPod(client, optionsOf(context)), plane);
}

async function ofWorkload(context: ClientContext, client: ProbeClient & { kind: "workload" }) {
  const { cluster, plan, log } = context;
  const workload = plan.workloads.find((each) => each.namespace === client.namespace && each.name === client.name);
  if (!workload) throw new ClientError(`the plan has no workload ${clientKey(client)}`);
  if (plan.clients === "ephemeral") return ephemeralClient(context, workload);
  const { injection, dataPlane } = namespaceOf(plan, workload.namespace);
  const pod = workloadPod(workload, injection, optionsOf(context));
  const adopter = adopterOf(pod.metadata.labels ?? {}, await cluster.selecting(workload.namespace));
  if (adopter === undefined) return podClient(context, pod, dataPlane);
  if (plan.clients === "pods") {
    throw new ClientError(
      `a pod with the labels of ${clientKey(client)} cannot be created, because ${adopter}; set verification.clients: auto`,
    );
  }
  log(
    `${clientKey(client)}: the client is a container in one of its pods, because of a pod with its labels ${adopter}`,
  );
  return ephemeralClient(context, workload);
}

function namespaceOf({ namespaces }: RunPlan, name: string): RunNamespace {
  return own(namespaces, name) ?? { dataPlane: "none", injection: {} };
}

async function podClient(context: ClientContext, pod: ApplyObject, plane: DataPlane) {
  const { name, namespace = "" } = pod.metadata;
  await context.cluster.apply(pod).catch((error: unknown) => {
    throw new ClientError(`its pod ${namespace}/${name} was refused: ${messageOf(error)}`, { cause: error });
  });
  await waitForPod(context, { namespace, name }, (found) => unlessRunning(found, clientContainer, plane));
  await refuseTraffic(context.cluster, namespace, name);
  return { namespace, pod: name, container: clientContainer, proxied: plane === "sidecar" };
}

/** What a pod lacks of sending requests as its workload does; undefined where nothing. */
function unlessRunning(pod: MeshPod, container: string, plane: DataPlane): string | undefined {
  if (pod.owners.length > 0) throw new ClientError(`its pod was adopted by ${pod.owners.join(", ")}`);
  if (pod.ended) throw new ClientError(`its pod has ended: ${[...pod.waiting.values()].join("; ") || pod.phase}`);
  if (plane === "sidecar" && !pod.containers.includes("istio-proxy")) {
    throw new ClientError("no sidecar was injected into its pod; see the labels of its namespace, and istiod");
  }
  if (!pod.running.includes(container)) return pod.waiting.get(container) ?? pod.waitingFor;
  if (plane === "sidecar" && !pod.containersReady.includes("istio-proxy")) return "its sidecar to be ready";
  if (plane === "ambient" && !pod.redirected) return "ztunnel to take its traffic";
  return undefined;
}

async function waitForPod(
  { cluster, sleep }: ClientContext,
  { namespace, name }: Readonly<Record<"namespace" | "name", string>>,
  missing: (pod: MeshPod) => string | undefined,
): Promise<void> {
  const check = async () => {
    const pod = (await cluster.pods(namespace)).find((each) => each.name === name);
    const what = pod ? missing(pod) : "its pod";
    return what === undefined || new Missing(what);
  };
  const onTimeout = (timeout: WaitTimeout) => {
    throw new ClientError(`its pod ${namespace}/${name} does not run after ${podTimeout / 1000} s: ${timeout.missing}`);
  };
  // A program that ends at once runs for a moment as well.
  const often = { intervalMs: 500, maxIntervalMs: 2000, consecutive: 2 };
  await waitFor(check, { timeoutMs: podTimeout, ...often, sleep, onTimeout });
}

/** It must get no traffic of the workload's, whatever its Services are. */
async function refuseTraffic(cluster: VerificationCluster, namespace: string, pod: string): Promise<void> {
  for (const slice of await cluster.endpointSlices(namespace)) {
    const { endpoints } = slice as unknown as {
      endpoints?: readonly { conditions?: { ready?: boolean }; targetRef?: { name?: string } }[] | null;
    };
    const isServing = (endpoints ?? []).some(
      ({ conditions, targetRef }) => targetRef?.name === pod && conditions?.ready !== false,
    );
    if (!isServing) continue;
    await cluster.remove({ apiVersion: "v1", kind: "Pod", namespace, name: pod });
    throw new ClientError(`its pod was deleted again, because it is a ready endpoint of ${slice.metadata.name}`);
  }
}

async function ephemeralClient(context: ClientContext, workload: RunWorkload): Promise<Omit<Client, "key">> {
  const { cluster, run } = context;
  const { namespace, labels } = workload;
  const { dataPlane } = namespaceOf(context.plan, namespace);
  const isOurs = (pod: MeshPod) => pod.labels[managedBy] === verificationManager;
  const host = (await cluster.pods(namespace)).find(
    (pod) => pod.ready && !pod.deleting && !isOurs(pod) && selects({ matchLabels: labels }, pod.labels),
  );
  if (!host) throw new ClientError("it has no ready pod for a client to be a container of");
  const container = ephemeralContainer(run, optionsOf(context));
  await cluster.addEphemeralContainer(namespace, host.name, container);
  await waitForPod(context, { namespace, name: host.name }, (pod) =>
    pod.running.includes(container.name) ? undefined : (pod.waiting.get(container.name) ?? "its container to run"),
  );
  return { namespace, pod: host.name, container: container.name, proxied: dataPlane === "sidecar" };
}

/** Creates the witnesses that series send requests to. @returns why there is none, by namespace */
export async function createWitnesses(
  context: ClientContext,
  series: readonly Series[],
): Promise<ReadonlyMap<string, string>> {
  const targets = series.map(({ request }) => request.to).filter((to) => to.kind === "witness");
  const wanted = new Map(targets.map((target) => [target.namespace, target]));
  const failures = new Map<string, string>();
  const create = async (target: Extract<ProbeTarget, { kind: "witness" }>) => {
    const { namespace } = target;
    const { dataPlane, injection } = namespaceOf(context.plan, namespace);
    try {
      for (const object of witnessObjects(target, injection, optionsOf(context))) await context.cluster.apply(object);
      await waitForPod(context, { namespace, name: witnessName }, (pod) =>
        unlessRunning(pod, clientContainer, dataPlane),
      );
    } catch (error) {
      if (!(error instanceof ClientError || (error instanceof ApiError && error.status < 500))) throw error;
      failures.set(namespace, error.message);
    }
  };
  await Promise.all([...wanted.values()].map(create));
  return failures;
}

/** Ends what can be ended of ephemeral containers, and requests the deletion of everything of ours. */
export async function removeClients(cluster: VerificationCluster, clients: Iterable<ClientState> = []): Promise<void> {
  for (const client of clients) {
    if ("unavailable" in client || client.container === clientContainer) continue;
    await cluster.exec(client, ending, { seconds: 10 }).catch((error: unknown) => {
      if (!(error instanceof ExecError)) throw error;
    });
  }
  for (const object of await cluster.leftovers()) await cluster.remove(object);
}

/** Removes what an earlier run has left, and waits until it is gone. */
export async function cleanUp(cluster: VerificationCluster, sleep: Sleep): Promise<void> {
  await removeClients(cluster);
  const check = async () => {
    const left = await cluster.leftovers();
    return left.length === 0 || new Missing(left.map(({ kind, name }) => `${kind} ${name}`).join(", "));
  };
  const onTimeout = ({ missing }: WaitTimeout) => {
    throw new UserError(`of an earlier verification still exist: ${missing}; the next run deletes them`);
  };
  await waitFor(check, { timeoutMs: podTimeout, intervalMs: 500, maxIntervalMs: 2000, sleep, onTimeout });
}
