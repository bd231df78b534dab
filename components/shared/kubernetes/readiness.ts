import type { ApiServer } from "./api-server";
import { conditionsOf, hasCondition, type LiveObject, type ObjectReference, referenceOf } from "./object";
import { Missing, waitFor, type WaitTimeout, type WaitOptions, whenAvailable } from "./wait";
import { own } from "../own";

interface Readiness {
  /** `failed`: waiting longer cannot help. */
  readonly state: "ready" | "waiting" | "failed";
  /** What is not as it should be, as after "waiting:". */
  readonly missing?: string;
}

/** The message completes a sentence that begins with the object's name. */
export class ObjectError extends Error {
  override readonly name = "ObjectError";
}

const ready: Readiness = { state: "ready" };
const waiting = (missing: string): Readiness => ({ state: "waiting", missing });
const failed = (missing: string): Readiness => ({ state: "failed", missing });
const notObserved = waiting("its controller to observe the change");

/**
 * Whether an object is ready for what depends on it, by the rules of the Kubernetes provider's await logic. Kinds without a
 * rule are ready once they are accepted, and so is an object with the annotation `pulumi.com/skipAwait`. A Service also
 * depends on other objects: see `readinessWithEndpoints`.
 */
export function ownReadiness(object: LiveObject): Readiness {
  const { apiVersion, kind } = object;
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  const rule = rules.get(`${group}/${kind}`);
  if (rule === undefined || skipsAwait(object)) return ready;
  const { observedGeneration } = object.status ?? {};
  const isBehind = typeof observedGeneration === "number" && observedGeneration < (object.metadata.generation ?? 0);
  return isBehind ? notObserved : rule(object);
}

function tooFew(found: number, wanted: number, what: string): Readiness | undefined {
  return found < wanted ? waiting(`${found} of ${wanted} ${what}`) : undefined;
}

function deploymentReadiness(object: LiveObject): Readiness {
  const progress = conditionsOf(object).find(({ type }) => type === "Progressing");
  if (progress?.status === "False") return failed(progress.message ?? progress.reason ?? "the rollout is stuck");
  const wanted = Number(object.spec?.replicas ?? 1);
  const updated = count(object, "updatedReplicas");
  const old = count(object, "replicas") - updated;
  const leaving = old > 0 ? waiting(`${old} old replicas to end`) : undefined;
  const available = tooFew(count(object, "availableReplicas"), wanted, "replicas available");
  return tooFew(updated, wanted, "replicas updated") ?? leaving ?? available ?? ready;
}

function statefulSetReadiness(object: LiveObject): Readiness {
  const wanted = Number(object.spec?.replicas ?? 1);
  const isRolling = object.status?.updateRevision !== object.status?.currentRevision;
  const unready = tooFew(count(object, "readyReplicas"), wanted, "replicas ready");
  const old = isRolling ? tooFew(count(object, "updatedReplicas"), wanted, "replicas updated") : undefined;
  return unready ?? old ?? ready;
}

function daemonSetReadiness(object: LiveObject): Readiness {
  if (object.status?.observedGeneration === undefined) return notObserved;
  const wanted = count(object, "desiredNumberScheduled");
  const old = tooFew(count(object, "updatedNumberScheduled"), wanted, "pods updated");
  return old ?? tooFew(count(object, "numberReady"), wanted, "pods ready") ?? ready;
}

function jobReadiness(object: LiveObject): Readiness {
  const failure = conditionsOf(object).find(({ type, status }) => type === "Failed" && status === "True");
  if (failure) return failed(failure.message ?? "the job failed");
  return hasCondition(object, "Complete") ? ready : waiting("completion");
}

function crdReadiness(object: LiveObject): Readiness {
  const names = conditionsOf(object).find(({ type }) => type === "NamesAccepted");
  // NotAccepted: the names are still to be checked. A conflict has another reason.
  if (names?.status === "False" && names.reason !== "NotAccepted") return failed(names.message ?? "names refused");
  return hasCondition(object, "Established") ? ready : waiting("condition Established");
}

const rules: ReadonlyMap<string, (object: LiveObject) => Readiness> = new Map([
  ["apps/Deployment", deploymentReadiness],
  ["apps/StatefulSet", statefulSetReadiness],
  ["apps/DaemonSet", daemonSetReadiness],
  ["batch/Job", jobReadiness],
  ["apiextensions.k8s.io/CustomResourceDefinition", crdReadiness],
  ["/Namespace", (object) => (object.status?.phase === "Active" ? ready : waiting("phase Active"))],
  ["/Node", conditionReady],
  ["/Pod", (object) => (object.status?.phase === "Succeeded" ? ready : conditionReady(object))],
]);

function conditionReady(object: LiveObject): Readiness {
  return hasCondition(object, "Ready") ? ready : waiting("condition Ready");
}

/** A headless Service and one without a selector have no pods to wait for. */
export function servesPods(service: LiveObject): boolean {
  const { selector, type, clusterIP } = service.spec ?? {};
  const selects = typeof selector === "object" && selector !== null && Object.keys(selector).length > 0;
  return selects && type !== "ExternalName" && clusterIP !== "None";
}

export function loadBalancerAddress(service: LiveObject): string | undefined {
  const { ingress = [] } = (service.status?.loadBalancer ?? {}) as { ingress?: { ip?: string; hostname?: string }[] };
  return ingress[0]?.ip ?? ingress[0]?.hostname;
}

export function serviceReadiness(service: LiveObject, slices: readonly LiveObject[]): Readiness {
  if (service.spec?.type === "LoadBalancer" && loadBalancerAddress(service) === undefined) {
    return waiting("an address from a load balancer; without one use a Service of type NodePort");
  }
  const endpoints = slices.flatMap(
    (slice) => (slice as unknown as { endpoints?: { conditions?: { ready?: boolean } }[] | null }).endpoints ?? [],
  );
  return endpoints.some((each) => each.conditions?.ready !== false) ? ready : waiting("a ready pod behind it");
}

/** `ownReadiness`, and for a Service that of the pods behind it. */
export async function readinessWithEndpoints(
  server: ApiServer,
  object: LiveObject,
  signal?: AbortSignal,
): Promise<Readiness> {
  const { name, namespace } = object.metadata;
  const isService = object.apiVersion === "v1" && object.kind === "Service";
  if (!isService || skipsAwait(object) || !servesPods(object)) return ownReadiness(object);
  const kind = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", namespace };
  const labelSelector = `kubernetes.io/service-name=${name}`;
  return serviceReadiness(object, await server.list(kind, { labelSelector }, signal));
}

function skipsAwait({ metadata }: LiveObject): boolean {
  return metadata.annotations?.["pulumi.com/skipAwait"] === "true";
}

/** Options of a wait for an object that was just changed: it is looked at 20 times a second first, then every second. */
export type ObjectWait = Pick<WaitOptions, "timeoutMs" | "signal" | "onProgress">;

const often = { intervalMs: 50, maxIntervalMs: 1000 };

/** @throws ObjectError with the object's conditions and last events */
export async function waitUntilReady(server: ApiServer, applied: LiveObject, options: ObjectWait): Promise<LiveObject> {
  const { timeoutMs, signal, onProgress } = options;
  const failure = async (what: string, cause?: Error) =>
    new ObjectError([what, ...(await explanation(server, applied))].join("\n"), { cause });
  let live: LiveObject | undefined = applied;
  const check = async () => {
    live ??= await server.get(referenceOf(applied), signal);
    if (live === undefined) throw await failure("was deleted by another client");
    const { state, missing = "" } = await readinessWithEndpoints(server, live, signal);
    if (state === "failed") throw await failure(missing);
    if (state === "ready") return live;
    live = undefined;
    return new Missing(missing);
  };
  const onTimeout = async (cause: WaitTimeout) => {
    throw await failure(`is not ready after ${timeoutMs / 1000} s; waiting: ${cause.missing}`, cause);
  };
  const log = (what: string) => onProgress?.(`waiting: ${what}`);
  return waitFor(check, { ...options, ...often, onTimeout, onProgress: log });
}

/** Deletes an object, and what it owns after it, and waits until it is gone; false where there was none. */
export async function deleteAndWait(
  server: ApiServer,
  reference: ObjectReference,
  options: ObjectWait,
): Promise<boolean> {
  const { signal, timeoutMs, onProgress } = options;
  const retry = { signal, onProgress };
  const before = await whenAvailable(() => server.get(reference, signal), retry);
  if (before === undefined) return false;
  await whenAvailable(() => server.delete(reference, signal), retry);
  let finalizers: readonly string[] = [];
  const check = async () => {
    const live = await server.get(reference, signal);
    // An object with another UID was created by another client since.
    if (live === undefined || live.metadata.uid !== before.metadata.uid) return true;
    finalizers = live.metadata.finalizers ?? [];
    return new Missing("waiting until it is gone");
  };
  const onTimeout = (cause: Error) => {
    const why = finalizers.length > 0 ? `; it is held by the finalizers ${finalizers.join(", ")}` : "";
    throw new ObjectError(`still exists ${timeoutMs / 1000} s after its deletion${why}`, { cause });
  };
  return waitFor(check, { ...options, ...often, onTimeout });
}

async function explanation(server: ApiServer, object: LiveObject): Promise<string[]> {
  const live = await server.get(referenceOf(object)).catch(() => undefined);
  const unmet = conditionsOf(live ?? object).filter(({ status }) => status !== "True");
  const events = await eventsOf(server, object);
  return [
    ...unmet.map(({ type, status, message = "" }) => `condition ${type}=${status}: ${message}`),
    ...events.slice(-3).map(({ reason = "", message = "" }) => `event ${reason}: ${message}`),
  ];
}

export interface ObjectEvent {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTimestamp?: string;
}

/** What controllers report of an object; none where they cannot be read. */
export async function eventsOf(
  server: Pick<ApiServer, "list">,
  { metadata: { namespace = "default", uid } }: LiveObject,
): Promise<readonly ObjectEvent[]> {
  const events = await server
    .list({ apiVersion: "v1", kind: "Event", namespace }, { fieldSelector: `involvedObject.uid=${uid}` })
    .catch(() => []);
  return events as unknown as readonly ObjectEvent[];
}

function count({ status }: LiveObject, field: string): number {
  return Number(own(status ?? {}, field) ?? 0);
}
