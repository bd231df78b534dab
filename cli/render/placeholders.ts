import type { Registration } from "../../embedded/program/run-program";
import { isUnknown, mapLeaves } from "../../embedded/program/secrets";

const secretMark = "[secret ";

/** What stands for an encrypted value of the stack file: `[secret grafana]` for `talos-mesh:secrets.grafana`. */
export function secretPlaceholder(name: string): string {
  return `${secretMark}${name.replace(/^[^:]+:(secrets\.)?/, "")}]`;
}

/**
 * The inputs of a resource as they may be shown. A secret text that shows its placeholder inside (`Bearer [secret
 * token]`) is kept; any other secret becomes `[secret RESOURCE.PATH]`. A value that only a deployment can know becomes
 * `${RESOURCE}` by what it is computed from, `${RESOURCE.stdout}` where that is a command.
 */
export function showable(registration: Registration, commands: ReadonlySet<string>): Record<string, unknown> {
  const { name, inputs, propertyDependencies } = registration;
  return mapLeaves(inputs, (leaf, path, secret) => {
    if (isUnknown(leaf)) return unknownPlaceholder(propertyDependencies[path[0] ?? ""] ?? [], commands);
    if (!secret && !isSecretData(inputs, path)) return leaf;
    return typeof leaf === "string" && leaf.includes(secretMark) ? leaf : `${secretMark}${[name, ...path].join(".")}]`;
  }) as Record<string, unknown>;
}

/** What the program exports, as it may be shown. Where an unknown output comes from is not on record. */
export function showableOutputs(outputs: Record<string, unknown>): Record<string, unknown> {
  return mapLeaves(outputs, (leaf, path, secret) => {
    if (secret) return `${secretMark}outputs.${path.join(".")}]`;
    return isUnknown(leaf) ? "${unknown until deployed}" : leaf;
  }) as Record<string, unknown>;
}

function unknownPlaceholder(urns: readonly string[], commands: ReadonlySet<string>): string {
  const sources = urns.map((urn) => urn.slice(urn.lastIndexOf("::") + 2) + (commands.has(urn) ? ".stdout" : ""));
  return sources.length > 0 ? `\${${[...new Set(sources)].sort().join(", ")}}` : "${unknown until deployed}";
}

/** The provider treats the data of a Secret as secret whether or not the program marked it; so does what is shown. */
function isSecretData(inputs: Record<string, unknown>, path: readonly string[]): boolean {
  return inputs.kind === "Secret" && inputs.apiVersion === "v1" && (path[0] === "data" || path[0] === "stringData");
}
