import type { Expected } from "../runner/inspect";
import { labelOf, layerOf } from "../runner/naming";

/** The parts of an exported stack that are read here. */
export interface Deployment {
  readonly resources?: readonly StateResource[];
  readonly pending_operations?: readonly unknown[];
}

interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** The same stack without the marks of operations that were cut short, and how many there were. */
export function clearPending<T extends { readonly deployment: Deployment | null }>(
  exported: T,
): { readonly exported: T; readonly count: number } {
  const { deployment } = exported;
  const count = deployment?.pending_operations?.length ?? 0;
  if (deployment === null || count === 0) return { exported, count: 0 };
  return { exported: { ...exported, deployment: { ...deployment, pending_operations: [] } }, count };
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
