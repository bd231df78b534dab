import type { LiveObject } from "../../components/shared/kubernetes/api-server";

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** `ready`, or what is still missing in words; `failed` when waiting longer cannot help. */
export type Readiness =
  | { readonly state: "ready" }
  | { readonly state: "waiting"; readonly for: string }
  | { readonly state: "failed"; readonly why: string };

const ready: Readiness = { state: "ready" };
const waiting = (what: string): Readiness => ({ state: "waiting", for: what });
const failed = (why: string): Readiness => ({ state: "failed", why });

/**
 * Whether an object is ready for what depends on it, by the rules of the Kubernetes provider's await logic. Kinds
 * without a rule are ready once they are accepted. Services need a look at other objects; see `objects.ts`.
 */
export function readinessOf(object: LiveObject): Readiness {
  const { apiVersion, kind } = object;
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  const rule = rules[`${group}/${kind}`];
  if (rule === undefined || object.metadata.annotations?.["pulumi.com/skipAwait"] === "true") return ready;
  const seen = object.status?.observedGeneration;
  if (typeof seen === "number" && seen < (object.metadata.generation ?? 0)) return waiting("its controller to notice");
  return rule(object);
}

const rules: Readonly<Record<string, (object: LiveObject) => Readiness>> = {
  "apps/Deployment": (object) => {
    const stuck = condition(object, "Progressing");
    if (stuck?.status === "False") return failed(stuck.message ?? stuck.reason ?? "the rollout does not progress");
    const wanted = number(object.spec?.replicas, 1);
    const [updated, available, all] = numbers(object, "updatedReplicas", "availableReplicas", "replicas");
    if (updated >= wanted && available >= wanted && all <= wanted) return ready;
    return waiting(`${wanted} available replicas (${Math.min(updated, available)} so far)`);
  },
  "apps/StatefulSet": (object) => {
    const wanted = number(object.spec?.replicas, 1);
    const [readyReplicas, updated] = numbers(object, "readyReplicas", "updatedReplicas");
    const rolling = object.status?.updateRevision !== object.status?.currentRevision && updated < wanted;
    return readyReplicas >= wanted && !rolling ? ready : waiting(`${wanted} ready replicas (${readyReplicas} so far)`);
  },
  "apps/DaemonSet": (object) => {
    if (object.status?.observedGeneration === undefined) return waiting("its controller to notice");
    const [wanted, updated, readyPods] = numbers(
      object,
      "desiredNumberScheduled",
      "updatedNumberScheduled",
      "numberReady",
    );
    return updated >= wanted && readyPods >= wanted ? ready : waiting(`${wanted} ready pods (${readyPods} so far)`);
  },
  "batch/Job": (object) => {
    const failure = condition(object, "Failed");
    if (failure?.status === "True") return failed(failure.message ?? "the job failed");
    return condition(object, "Complete")?.status === "True" ? ready : waiting("completion");
  },
  "/Pod": (object) =>
    object.status?.phase === "Succeeded" || condition(object, "Ready")?.status === "True"
      ? ready
      : waiting("condition Ready"),
  "/Namespace": (object) => (object.status?.phase === "Active" ? ready : waiting("phase Active")),
  "apiextensions.k8s.io/CustomResourceDefinition": (object) => {
    const names = condition(object, "NamesAccepted");
    if (names?.status === "False" && names.reason !== "NotAccepted") return failed(names.message ?? "names refused");
    return condition(object, "Established")?.status === "True" ? ready : waiting("condition Established");
  },
};

/** Whether a Service's readiness depends on pods behind it: headless and selector-less ones have none to wait for. */
export function servesPods(service: LiveObject): boolean {
  const { selector, type, clusterIP } = service.spec ?? {};
  const selects = typeof selector === "object" && selector !== null && Object.keys(selector).length > 0;
  const skipped = service.metadata.annotations?.["pulumi.com/skipAwait"] === "true";
  return selects && !skipped && type !== "ExternalName" && clusterIP !== "None";
}

export function loadBalancerReadiness(service: LiveObject): Readiness {
  if (service.spec?.type !== "LoadBalancer") return ready;
  const { ingress } = (service.status?.loadBalancer ?? {}) as { ingress?: unknown[] };
  return (ingress?.length ?? 0) > 0
    ? ready
    : waiting("an address from a load balancer; without one use a Service of type NodePort");
}

/** `slices`: the Service's EndpointSlices. */
export function endpointReadiness(slices: readonly LiveObject[]): Readiness {
  const endpoints = slices.flatMap(
    (slice) => (slice as unknown as { endpoints?: { conditions?: { ready?: boolean } }[] | null }).endpoints ?? [],
  );
  return endpoints.some((each) => each.conditions?.ready !== false) ? ready : waiting("a ready pod behind it");
}

function condition(object: LiveObject, type: string): Condition | undefined {
  return ((object.status?.conditions ?? []) as Condition[]).find((each) => each.type === type);
}

function numbers<const Fields extends readonly string[]>(
  object: LiveObject,
  ...fields: Fields
): { [Index in keyof Fields]: number } {
  return fields.map((field) => number(object.status?.[field], 0)) as { [Index in keyof Fields]: number };
}

function number(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}
