import type { Expected } from "../runner/inspect";
import { labelOf, layerOf } from "../runner/naming";

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
    return [{ ...known, target: { kind: "object", apiVersion, objectKind: kind, namespace, name, uid } }];
  });
}

/** The kubeconfig of the state's first cluster; an export with its secrets holds them as JSON in a wrapper. */
export function kubeconfigOf(deployment: Deployment | null): string | undefined {
  const provider = deployment?.resources?.find(({ type }) => type === "pulumi:providers:kubernetes");
  const kubeconfig = provider?.inputs?.kubeconfig;
  if (typeof kubeconfig === "string") return kubeconfig;
  const plaintext = (kubeconfig as { plaintext?: unknown } | undefined)?.plaintext;
  return typeof plaintext === "string" ? (JSON.parse(plaintext) as string) : undefined;
}
