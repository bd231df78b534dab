import { workloadKey } from "../../model/names";
import { amountOf } from "../../settings/quantities";
import type { LiveObject } from "../../shared/kubernetes/object";
import { own } from "../../shared/own";
import { outcomesOf } from "../evaluation/outcomes";
import type { PlannedProbe } from "../plan";
import type { Series } from "../probe";
import { adopterOf, selects } from "./adoption";
import { findWorkload, type RunPlan, type RunWorkload, targetWorkload } from "./run-plan";

/** What a pod of ours needs of a workload's pods, to run where they do. */

type Spec = Readonly<Record<string, unknown>>;

export type Placement = ReturnType<typeof placementOf>;

/**
 * Of a pod, or of its template. Not its priority, as a client must not preempt others, and no rules about other pods, which
 * may keep it away from the workload's own.
 */
export function placementOf(spec: Spec = {}) {
  const copied = ["nodeSelector", "runtimeClassName"].flatMap((field) => {
    const value = own(spec, field);
    return value === undefined ? [] : [[field, value] as const];
  });
  const { nodeAffinity } = (spec.affinity ?? {}) as { nodeAffinity?: object };
  return {
    ...(Object.fromEntries(copied) as { readonly nodeSelector?: object; readonly runtimeClassName?: string }),
    ...(nodeAffinity && { affinity: { nodeAffinity } }),
    tolerations: (spec.tolerations ?? []) as readonly object[],
    imagePullSecrets: (spec.imagePullSecrets ?? []) as readonly { readonly name: string }[],
    hostNetwork: spec.hostNetwork === true,
  };
}

interface Template {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: Spec;
}

/** Controllers whose pods are those of a workload, or of one version of it; as far as the login may see them. */
function controllersOf(labels: RunWorkload["labels"], objects: readonly LiveObject[]) {
  return objects.flatMap(({ kind, metadata, spec = {} }) => {
    const template = spec.template as Template | undefined;
    if (!template || !selects({ matchLabels: labels }, template.metadata?.labels ?? {})) return [];
    // A DaemonSet has a pod on each node.
    const replicas = kind === "DaemonSet" ? 1 : Number(spec.replicas ?? 1);
    const { ownerReferences = [] } = metadata;
    return [{ title: `${kind} ${metadata.name}`, replicas, template, isOwned: ownerReferences.length > 0 }];
  });
}

/** Of the pods that a workload's controllers create; undefined where none is known. */
export function templatePlacement({ labels }: RunWorkload, objects: readonly LiveObject[]): Placement | undefined {
  const [controller] = controllersOf(labels, objects);
  return controller && placementOf(controller.template.spec);
}

/** `Deployment back: 0 replicas`, where all controllers of a workload have none; undefined where there may be pods. */
function scaledToZero(labels: RunWorkload["labels"], objects: readonly LiveObject[]): string | undefined {
  const controllers = controllersOf(labels, objects);
  // Those of ReplicaSets too: the pods of a Deployment with none may be another owner's, as a Rollout's are.
  const own = controllers.filter(({ isOwned }) => !isOwned);
  if (own.length === 0 || controllers.some(({ replicas }) => replicas > 0)) return undefined;
  return own.map(({ title }) => `${title}: 0 replicas`).join(", ");
}

/**
 * A probe without its series, where a workload that it needs is scaled to zero: there is no server, and no pod for a client
 * that has to be in one. That is not the policy's fault, and known before anything is sent.
 *
 * @param objects what selects pods, by namespace
 */
export function unlessScaledToZero(
  probe: PlannedProbe,
  { workloads, clients }: Pick<RunPlan, "workloads" | "clients">,
  objects: ReadonlyMap<string, readonly LiveObject[]>,
): PlannedProbe {
  const reasonOf = (key: string, version?: string) => {
    const workload = findWorkload(workloads, key);
    if (!workload) return undefined;
    const labels = { ...workload.labels, ...(version !== undefined && { version }) };
    return scaledToZero(labels, objects.get(workload.namespace) ?? []);
  };
  const reasons = probe.series.flatMap((series) => {
    const servers = serversOf(series).flatMap(({ key, version }) => {
      const why = reasonOf(key, version);
      return why === undefined ? [] : [`${key} has no pods that could answer (${why})`];
    });
    const { client } = series;
    const workload = client.kind === "workload" ? findWorkload(workloads, workloadKey(client)) : undefined;
    const why = workload && reasonOf(workloadKey(workload));
    if (!workload || why === undefined) return servers;
    const { labels, namespace } = workload;
    const needsPod = clients === "ephemeral" || adopterOf(labels, objects.get(namespace) ?? []) !== undefined;
    return needsPod
      ? [...servers, `${workloadKey(workload)} has no pod for a client to be a container of (${why})`]
      : servers;
  });
  if (reasons.length === 0) return probe;
  return { ...probe, series: [], notMeasurable: [...new Set(reasons)].join("; ") };
}

/** Workloads whose pods must answer, by the target and by what is expected. */
function serversOf({ request: { to }, expect }: Series): { readonly key: string; readonly version?: string }[] {
  const target = targetWorkload(to);
  const expected = outcomesOf(expect).flatMap(({ workload = target, version, mirroredTo }) => [
    ...(workload !== undefined && version !== undefined ? [{ key: workload, version }] : []),
    ...(workload === undefined ? [] : [{ key: workload }]),
    ...(mirroredTo?.includes("/") ? [{ key: mirroredTo }] : []),
  ]);
  return [...(target === undefined ? [] : [{ key: target }]), ...expected];
}

/** CPU and memory of a container. */
type Amounts = Readonly<Record<"cpu" | "memory", string>>;

export interface Resources {
  readonly requests: Amounts;
  readonly limits: Amounts;
}

interface LimitRangeItem {
  readonly type?: string;
  readonly min?: Partial<Amounts>;
  readonly max?: Partial<Amounts>;
  readonly maxLimitRequestRatio?: Partial<Amounts>;
}

/** Resources that the LimitRanges of a namespace accept for a container, as near to the wanted ones as they allow. */
export function fittedResources(wanted: Resources, limitRanges: readonly LiveObject[]): Resources {
  const items = limitRanges
    .flatMap(({ spec }) => (spec?.limits ?? []) as readonly LimitRangeItem[])
    .filter(({ type }) => type === "Container");
  const fit = (name: keyof Amounts) => {
    const of = (field: "min" | "max" | "maxLimitRequestRatio") => items.flatMap((item) => item[field]?.[name] ?? []);
    const least = of("min");
    const limit = lowest([highest([wanted.limits[name], ...least]), ...of("max")]);
    const ratio = Math.min(...of("maxLimitRequestRatio").map(amountOf));
    const request = lowest([highest([wanted.requests[name], ...least]), limit]);
    const isTooLow = amountOf(limit) > ratio * amountOf(request);
    // Equal ones have a ratio of 1, the lowest that there can be.
    return { request: isTooLow ? limit : request, limit };
  };
  const [cpu, memory] = [fit("cpu"), fit("memory")];
  return {
    requests: { cpu: cpu.request, memory: memory.request },
    limits: { cpu: cpu.limit, memory: memory.limit },
  };
}

function highest(quantities: readonly string[]): string {
  return quantities.reduce((a, b) => (amountOf(a) >= amountOf(b) ? a : b));
}

function lowest(quantities: readonly string[]): string {
  return quantities.reduce((a, b) => (amountOf(a) <= amountOf(b) ? a : b));
}
