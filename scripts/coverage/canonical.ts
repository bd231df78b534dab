import { milliseconds } from "../../components/shared/duration";
import { isTree, type Tree } from "../../components/shared/merge";

/** JSON with sorted keys, without what is undefined, and with durations in milliseconds. */
export function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_key, part: unknown) => {
      if (typeof part === "string" && /^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(part)) return `${milliseconds(part)}ms`;
      return isTree(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part;
    }) ?? ""
  );
}

/** A string or number as it is. */
export function text(value: unknown): string {
  return typeof value === "string" ? value : canonical(value);
}

export function texts(values: unknown): string[] {
  return Array.isArray(values) ? values.map(text) : [];
}

export function sorted<Value>(values: readonly Value[]): Value[] {
  return [...values].sort((a, b) => (canonical(a) < canonical(b) ? -1 : 1));
}

export function without(tree: Tree, ...keys: readonly string[]): Tree {
  return Object.fromEntries(Object.entries(tree).filter(([key]) => !keys.includes(key)));
}

export const rootNamespace = "istio-system";

/** Namespace of objects that name none, as in `kubectl apply` without `-n`. */
export const defaultNamespace = "default";

export function fullName(host: unknown, namespace: unknown = defaultNamespace): string {
  const name = text(host);
  return name.includes(".") || name === "*" ? name : `${name}.${text(namespace)}.svc.cluster.local`;
}

/** The gateway that an object, or a label of pods, is for: manifests have one for each direction, of different names. */
export function gatewayName(name: unknown): string {
  const short = text(name).replace(/^.*\/|\..*$/g, "");
  if (/^(?:egress|.*egress-?gateway)$/.test(short)) return "egress";
  return /^(?:ingress|shared|.*(?:gateway|gwy|gateway-controller))$/.test(short) ? "ingress" : short;
}
