import type { DataPlane } from "../../model/data-planes";
import type { ApplyObject, LiveObject } from "../../shared/kubernetes/api-server";
import { Missing, type Sleep, waitFor, type WaitTimeout, whenAvailable } from "../../shared/kubernetes/wait";
import { messageOf, UserError } from "../../shared/problem";
import { clientContainer } from "./client-objects";
import type { MeshPod, VerificationCluster } from "./cluster";
import { restrictions } from "./hints";
import { explained } from "./refusals";

/** There cannot be a client, for the reason in the message. */
export class ClientError extends UserError {
  override readonly name = "ClientError";
}

interface PodContext {
  readonly cluster: VerificationCluster;
  /** Of the cluster. */
  readonly networkPolicies: readonly LiveObject[];
  readonly stuck: ReadonlyMap<string, string>;
  readonly sleep: Sleep;
}

/** Milliseconds for images to be pulled and sidecars to be configured. */
const podTimeout = 180_000;

/** Creates a pod of ours, waits until its data plane takes its traffic, and makes sure that it gets none of a workload's. */
export async function createClientPod(context: PodContext, pod: ApplyObject, plane: DataPlane): Promise<string> {
  const { name, namespace = "" } = pod.metadata;
  await createPod(context, pod, plane);
  await refuseTraffic(context.cluster, namespace, name);
  return name;
}

/** Creates a pod of ours, and waits until its data plane takes its traffic. */
export async function createPod(context: PodContext, pod: ApplyObject, plane: DataPlane): Promise<void> {
  const { name, namespace = "" } = pod.metadata;
  const title = `${namespace}/${name}`;
  const why = context.stuck.get(`Pod ${title}`);
  if (why !== undefined) throw new ClientError(`its pod ${title} of an earlier run is still being deleted: ${why}`);
  // A webhook that injects may be starting.
  await whenAvailable(() => context.cluster.apply(pod), { sleep: context.sleep }).catch((error: unknown) => {
    const what = `its pod ${title} was refused: ${messageOf(error)}`;
    throw new ClientError(explained(what, namespace), { cause: error });
  });
  const container = (pod.spec as { containers: readonly { name: string }[] }).containers[0]?.name ?? clientContainer;
  await waitForPod(context, { namespace, name }, (found) => unlessRunning(found, container, plane));
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

export async function waitForPod(
  { cluster, sleep, networkPolicies }: Omit<PodContext, "stuck">,
  { namespace, name }: Readonly<Record<"namespace" | "name", string>>,
  missing: (pod: MeshPod) => string | undefined,
): Promise<void> {
  let labels: MeshPod["labels"] = {};
  const check = async () => {
    const pod = await cluster.pod(namespace, name);
    labels = pod?.labels ?? {};
    const what = pod ? missing(pod) : "its pod";
    return what === undefined || new Missing(what);
  };
  const onTimeout = ({ missing: what }: WaitTimeout) => {
    const start = `its pod ${namespace}/${name} does not run after ${podTimeout / 1000} s: `;
    // Without its control plane, a sidecar is not ready.
    const [policy] = restrictions(networkPolicies, { namespace, labels }, "egress");
    const hint =
      policy === undefined ? "" : `; ${policy} restricts what it may send, which must include istiod and DNS`;
    throw new ClientError(`${explained(`${start}${what}`, namespace)}${hint}`);
  };
  // A program that ends at once runs for a moment as well.
  const often = { intervalMs: 300, maxIntervalMs: 1000, consecutive: 2 };
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
