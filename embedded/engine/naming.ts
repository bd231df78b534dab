import type { Entry } from "./record";

/** The layer a URN belongs to: the middle part of the outermost `talos-mesh:<layer>:<Class>` among its types. */
export function layerOf(urn: string): string {
  const types = urn.split("::")[2] ?? "";
  return /(?:^|\$)talos-mesh:([^:$]+):/.exec(types)?.[1] ?? "other";
}

/** A resource as people call it: `Deployment bookinfo/reviews-v1`, `Release istio-system/istiod`. */
export function labelOf(
  resource: { readonly type: string; readonly name: string },
  inputs: Readonly<Record<string, unknown>>,
): string {
  const kind = resource.type.split(":").at(-1) ?? resource.type;
  if (resource.type === "kubernetes:helm.sh/v3:Release") {
    return `Release ${qualified(inputs.namespace, inputs.name ?? resource.name)}`;
  }
  const metadata = inputs.metadata as { readonly name?: unknown; readonly namespace?: unknown } | undefined;
  return `${kind} ${metadata?.name === undefined ? resource.name : qualified(metadata.namespace, metadata.name)}`;
}

/** The same for what the record holds. */
export function labelOfEntry({ type, name, target }: Entry): string {
  switch (target.kind) {
    case "object":
      return `${target.objectKind} ${qualified(target.namespace, target.name)}`;
    case "release":
      return `Release ${qualified(target.namespace, target.name)}`;
    default:
      return `${type.split(":").at(-1)} ${name}`;
  }
}

function qualified(namespace: unknown, name: unknown): string {
  return typeof namespace === "string" ? `${namespace}/${String(name)}` : String(name);
}
