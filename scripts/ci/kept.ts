import { z } from "zod";

/** A step of `pulumi preview --json`, as far as it is read. */
const step = z.looseObject({
  op: z.string(),
  urn: z.string(),
  newState: state().optional(),
  oldState: state().optional(),
  detailedDiff: z.record(z.string(), z.unknown()).nullish(),
});
export type PreviewStep = z.output<typeof step>;

function state() {
  return z.looseObject({ inputs: z.record(z.string(), z.unknown()).nullish() });
}

export const preview = z.looseObject({ steps: z.array(step).default([]) });

/** A resource that a rollback leaves as it is, and why. */
export interface Kept {
  readonly urn: string;
  readonly reason: string;
}

export const clusterStays = "machines and Kubernetes stay as they are";

/** Steps that change something. */
export function changesOf(steps: readonly PreviewStep[]): readonly PreviewStep[] {
  return steps.filter(({ op }) => !["same", "read", "refresh"].includes(op));
}

/** What a rollback must not do, of the steps of a preview. */
export function keptOf(steps: readonly PreviewStep[]): readonly Kept[] {
  const found = changesOf(steps).flatMap((each) => {
    const reason = reasonToKeep(each);
    return reason === undefined ? [] : [[each.urn, { urn: each.urn, reason }] as const];
  });
  // A replacement has several steps.
  return [...new Map(found).values()];
}

/**
 * Kinds of objects that the stack file describes completely: deleted ones can be created again. Other kinds may hold data, or
 * represent something that does, as a custom resource of a database does.
 */
const describedByStackFile = [
  /^kubernetes:(networking|security|telemetry|extensions)\.istio\.io\//,
  /^kubernetes:gateway\.networking\.k8s\.io\//,
  /^kubernetes:apps\/v1:(Deployment|DaemonSet)$/,
  /^kubernetes:core\/v1:(ConfigMap|Service|ServiceAccount)$/,
  /^kubernetes:(policy|autoscaling|networking\.k8s\.io|rbac\.authorization\.k8s\.io|batch)\//,
];

/** Undefined where the rollback may do it. */
function reasonToKeep(step: PreviewStep): string | undefined {
  const { op, urn } = step;
  const [, , qualified = ""] = urn.split("::");
  const types = qualified.split("$");
  const type = types.at(-1) ?? "";
  const isIn = (layer: string) => types.some((each) => each.startsWith(`talos-mesh:${layer}:`));
  if (isIn("cluster")) return clusterStays;
  if (isIn("benchmark")) return "a rollback measures nothing";
  // What an older commit adds again removes nothing.
  if (op === "create") return undefined;
  if (/^(pulumi|talos-mesh):/.test(type)) return undefined;
  if (type === "kubernetes:core/v1:Secret") return "a replaced credential stays replaced";
  if (type === "kubernetes:core/v1:Namespace") {
    return op === "update" ? undefined : "a namespace is deleted with everything in it";
  }
  if (type === "kubernetes:helm.sh/v3:Release") return reasonOfRelease(step, isIn("mesh"));
  if (type === "command:local:Command") {
    return isIn("mesh") || isIn("verification") ? undefined : "its result, such as a password, may be in use";
  }
  if (type.endsWith(":CustomResourceDefinition")) return "CRDs are never rolled back";
  if (describedByStackFile.some((pattern) => pattern.test(type))) return undefined;
  return "its kind may hold data";
}

const chart = z.looseObject({ chart: z.string().optional() });

/**
 * Control planes, CNI, ztunnel and gateways hold neither data nor CRDs. Of other releases, an update is rolled back that
 * changes neither the version of the chart, whose data or CRDs an older one may not read, nor storage.
 */
function reasonOfRelease({ op, oldState, newState, detailedDiff }: PreviewStep, isOfMesh: boolean): string | undefined {
  const name = chart.parse(oldState?.inputs ?? newState?.inputs ?? {}).chart ?? "";
  if (isOfMesh && !/(^|\/)base$/.test(name)) return undefined;
  if (op !== "update") return "a chart may hold data or CRDs";
  const changed = Object.keys(detailedDiff ?? {});
  const values = changed.filter((path) => path.startsWith("values"));
  if (changed.length === 0 || changed.length > values.length)
    return "it may have another version of a chart with data or CRDs";
  return values.some((path) => /persist|storage|volume|crd/i.test(path))
    ? "its storage or CRDs would change"
    : undefined;
}
