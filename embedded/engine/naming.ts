import { digestOf } from "../../components/shared/digest";
import { releaseType } from "../../components/shared/kubernetes/helm-records";
import { asTree, sortedKeys, type Tree } from "../../components/shared/merge";
import type { Registration } from "../program/monitor";

/** The layer of a URN: the middle part of the outermost `talos-mesh:<layer>:<Class>` among its types. */
export function layerOf(urn: string): string {
  const types = urn.split("::")[2] ?? "";
  return /(?:^|\$)talos-mesh:([^:$]+):/.exec(types)?.[1] ?? "other";
}

/** Type of the resource of a command with a life cycle. */
export const commandType = "command:local:Command";

/** A resource by kind and name: `Deployment bookinfo/reviews-v1`, `Release istio-system/istiod`. */
export function labelOf(resource: Pick<Registration, "type" | "name">, inputs: Tree): string {
  const { namespace, name = resource.name } = asTree(resource.type === releaseType ? inputs : inputs.metadata);
  return `${resource.type.split(":").at(-1)} ${qualified(namespace, name)}`;
}

export function qualified(namespace: unknown, name: unknown): string {
  return typeof namespace === "string" ? `${namespace}/${String(name)}` : String(name);
}

/**
 * The marks of what the engine has deployed. The label selects it; the other two are annotations of an object and labels
 * of a release's Secret. Controllers copy labels to objects of their own, but not these annotations.
 */
export const marks = {
  stack: "talos-mesh/stack",
  layer: "talos-mesh/layer",
  /** Things are deleted in the reverse order of their creation. */
  createdAt: "talos-mesh/created-at",
} as const;

/** The stack's name as a label's value. One cluster has one stack, so it need not be unique. */
export function stackMark(stack: string): string {
  return stack.slice(0, 63).replace(/[^A-Za-z0-9]+$/, "");
}

/** In a form that sorts and that a label may have. */
export function timestamp(): string {
  return new Date().toISOString().replaceAll(":", "-");
}

/** Equal for equal inputs, whatever the order of their keys. */
export function inputDigest(inputs: unknown): string {
  return digestOf(JSON.stringify(inputs, sortedKeys), 40);
}
