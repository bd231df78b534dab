import { own } from "../own";

/** A Kubernetes object as plain data: the form that compilers return and components place. */
export interface KubernetesObject<Spec = unknown> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Spec;
}

/** An object to apply; it may have fields other than `spec` (`data`, `rules`). */
export type ApplyObject = KubernetesObject & Readonly<Record<string, unknown>>;

export interface LiveObject extends Omit<KubernetesObject<Record<string, unknown>>, "metadata" | "spec"> {
  readonly metadata: KubernetesObject["metadata"] & {
    readonly uid: string;
    readonly resourceVersion: string;
    readonly generation?: number;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
    readonly finalizers?: readonly string[];
    readonly managedFields?: readonly { manager?: string; operation?: string; fieldsV1?: unknown }[];
  };
  readonly spec?: Record<string, unknown>;
  readonly status?: Record<string, unknown>;
}

export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/** Key of the label that says what created an object. */
export const managedBy = "app.kubernetes.io/managed-by";

/** Its value for everything that a verification creates, by which it is found and removed. */
export const verificationManager = "talos-mesh-verification";

/** Whether kwok simulates a node, which then runs no containers. */
export function isSimulatedNode({
  metadata: { annotations = {}, labels = {} },
}: Pick<LiveObject, "metadata">): boolean {
  return annotations["kwok.x-k8s.io/node"] !== undefined || labels.type === "kwok";
}

export function referenceOf({ apiVersion, kind, metadata }: KubernetesObject | LiveObject): ObjectReference {
  return { apiVersion, kind, name: metadata.name, ...(metadata.namespace && { namespace: metadata.namespace }) };
}

/** `namespace/name`, or the name of an object that is in no namespace. */
export function fullName({ metadata: { namespace, name } }: Pick<LiveObject, "metadata">): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** In the order by which istiod decides between several objects that mean the same: the oldest first, then by name. */
export function oldestFirst(objects: readonly LiveObject[]): LiveObject[] {
  const created = ({ metadata }: LiveObject) => metadata.creationTimestamp ?? "";
  return [...objects].sort((a, b) => created(a).localeCompare(created(b)) || fullName(a).localeCompare(fullName(b)));
}

/** An entry of a ConfigMap, or of a Secret, where it is in base64. */
export function dataOf(object: LiveObject | undefined, key: string): string | undefined {
  return own((object as { data?: Readonly<Record<string, string>> } | undefined)?.data ?? {}, key);
}

/** The text of an entry of a Secret. */
export function secretText(secret: LiveObject | undefined, key: string): string | undefined {
  const data = dataOf(secret, key);
  return data === undefined ? undefined : Buffer.from(data, "base64").toString("utf8");
}

export const unprivileged = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
};

type Condition = Readonly<
  Record<"type" | "status", string> & Partial<Record<"reason" | "message", string>> & { observedGeneration?: number }
>;

export function conditionsOf({ status }: Pick<LiveObject, "status">): readonly Condition[] {
  return (status?.conditions ?? []) as Condition[];
}

export function hasCondition(object: Pick<LiveObject, "status">, type: string): boolean {
  return conditionsOf(object).some((condition) => condition.type === type && condition.status === "True");
}
