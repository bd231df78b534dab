import type { Expected } from "../../embedded/engine/inspect";
import type { ApplyObject, ClusterAccess } from "../../components/shared/kubernetes/api-server";
import { isTree } from "../../components/shared/merge";
import { labelOf, layerOf } from "../../embedded/engine/naming";

/** Key of a wrapper around a value of a state. Source: pulumi/pulumi, sdk/go/common/resource/sig. */
const secretMark = "4dabf18193072939515e22adb298388d";

/** The parts of an exported stack that are read here. */
export interface Deployment {
  readonly resources?: readonly StateResource[];
  /** What was being done when the CLI was killed. */
  readonly pending_operations?: readonly { readonly type: string; readonly resource: StateResource }[];
}

export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** The objects and releases that a stack's state says are in its cluster. */
export function expectedOf(deployment: Deployment | null): Expected[] {
  return (deployment?.resources ?? []).flatMap(({ urn, type, id = "", inputs = {}, outputs = {} }): Expected[] => {
    if (!type.startsWith("kubernetes:")) return [];
    const known = { layer: layerOf(urn), label: labelOf({ type, name: id }, inputs) };
    if (type === "kubernetes:helm.sh/v3:Release") {
      const [namespace = "default", name = ""] = id.split("/");
      return [{ ...known, target: { kind: "release", namespace, name } }];
    }
    const { apiVersion, kind } = inputs as { apiVersion?: string; kind?: string };
    const metadata = (outputs.metadata ?? {}) as { name?: string; namespace?: string; uid?: string };
    const { name, namespace, uid } = metadata;
    if (apiVersion === undefined || kind === undefined || name === undefined) return [];
    const set = plain(inputs) as ApplyObject;
    const deployed = { ...set, metadata: { ...set.metadata, name, ...(namespace !== undefined && { namespace }) } };
    return [{ ...known, target: { kind: "object", apiVersion, objectKind: kind, namespace, name, uid }, deployed }];
  });
}

/** A value of an export with its secrets, without the wrappers that hold them as JSON. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!isTree(value)) return value;
  if (secretMark in value && typeof value["plaintext"] === "string") return JSON.parse(value["plaintext"]) as unknown;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
}

/** What reaches the state's first cluster; an export with its secrets holds them as JSON in a wrapper. */
export function accessOf(deployment: Deployment | null): ClusterAccess | undefined {
  const provider = deployment?.resources?.find(({ type }) => type === "pulumi:providers:kubernetes");
  const { kubeconfig, context } = plain(provider?.inputs ?? {}) as { kubeconfig?: unknown; context?: unknown };
  if (typeof kubeconfig !== "string") return undefined;
  // Its own current context may be another cluster's.
  return { kubeconfig, ...(typeof context === "string" && { context }) };
}
