import { stringify } from "yaml";
import { isTree, type Tree } from "../../components/shared/merge";
import { UserError } from "../../components/shared/problem";
import type { ProgramResult, Registration } from "../../embedded/program/run-program";
import { isUnknown, mapLeaves } from "../../embedded/program/secrets";

/** File name to content. */
export type Documents = ReadonlyMap<string, string>;

const releaseType = "kubernetes:helm.sh/v3:Release";
const commandType = "command:local:Command";

/**
 * A YAML file for each object, and releases, commands and outputs as JSON: the same bytes for the same program. Secrets,
 * and values that only a deployment can know, are placeholders.
 */
export function documents({ registrations, outputs }: ProgramResult): Documents {
  const commands = new Set(registrations.filter(({ type }) => type === commandType).map(({ urn }) => urn));
  const resources = registrations.filter(({ custom, type }) => custom && !type.startsWith("pulumi:providers:"));
  const shown = resources.map((registration) => ({ registration, inputs: showable(registration, commands) }));
  const of = (type: string): Shown[] => shown.filter((each) => each.registration.type === type);
  const others = shown.filter(({ registration: { type }, inputs }) => !isSpecial(type) && !isObject(inputs));

  const found = new Map<string, string>();
  for (const { registration, inputs } of shown) {
    if (isSpecial(registration.type) || !isObject(inputs)) continue;
    const file = fileName(registration, inputs);
    if (found.has(file))
      throw new UserError(`two objects would be written to ${file}; one of them is ${registration.urn}`);
    found.set(file, yaml(inputs));
  }
  found.set("releases.json", json(sorted(of(releaseType).map(release))));
  found.set("commands.json", json(sorted(of(commandType).map(command))));
  found.set("outputs.json", json(showableOutputs(outputs)));
  // A resource of an unknown provider is shown as it is.
  if (others.length > 0) found.set("others.json", json(sorted(others.map(other))));
  return found;
}

interface Shown {
  readonly registration: Registration;
  readonly inputs: Record<string, unknown>;
}

function isSpecial(type: string): boolean {
  return type === releaseType || type === commandType;
}

function isObject(inputs: Record<string, unknown>): boolean {
  return typeof inputs.apiVersion === "string" && typeof inputs.kind === "string";
}

function release({ registration, inputs }: Shown): Record<string, unknown> {
  const { name, namespace, chart, version, repositoryOpts, values } = inputs;
  const repo = isTree(repositoryOpts) ? repositoryOpts.repo : undefined;
  return { resource: registration.name, name, namespace, chart, version, repo, values: values ?? {} };
}

function command({ registration, inputs }: Shown): Record<string, unknown> {
  const { create, update, delete: remove, environment, stdin, dir, interpreter } = inputs;
  return { resource: registration.name, create, update, delete: remove, environment, stdin, dir, interpreter };
}

function other({ registration, inputs }: Shown): Record<string, unknown> {
  return { resource: registration.name, type: registration.type, inputs };
}

function sorted(items: readonly Record<string, unknown>[]): readonly Record<string, unknown>[] {
  return [...items].sort((a, b) => compare(String(a.resource), String(b.resource)));
}

/** By code point: the user's language must not change a file. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `networking.istio.io_virtualservice_bookinfo_reviews.yaml`; without a namespace, one part less. */
function fileName({ name }: Registration, inputs: Record<string, unknown>): string {
  const metadata = isTree(inputs.metadata) ? inputs.metadata : {};
  const [group, version] = String(inputs.apiVersion).split("/");
  // Colons (RBAC) and placeholders do not fit into a portable file name.
  const parts = [version ? group : "core", inputs.kind, metadata.namespace, metadata.name ?? name]
    .filter((part) => typeof part === "string")
    .map((part) => part.toLowerCase().replace(/[^a-z0-9.-]+/g, "-"));
  return `${parts.join("_")}.yaml`;
}

/** YAML 1.1 rules decide what gets quotes, because kubectl reads an unquoted `yes` as a boolean. */
function yaml(value: unknown): string {
  return stringify(value, { version: "1.1", sortMapEntries: true, lineWidth: 0, aliasDuplicateObjects: false });
}

function json(value: unknown): string {
  return `${JSON.stringify(value, (_key, item: unknown) => (isTree(item) ? sortedKeys(item) : item), 2)}\n`;
}

function sortedKeys(tree: Tree): Tree {
  return Object.fromEntries(Object.entries(tree).sort(([a], [b]) => compare(a, b)));
}

const secretMark = "[secret ";

/** Placeholder of an encrypted value in the stack file: `[secret grafana]` for `talos-mesh:secrets.grafana`. */
export function secretPlaceholder(name: string): string {
  return `${secretMark}${name.replace(/^[^:]+:(secrets\.)?/, "")}]`;
}

/**
 * The inputs of a resource without secrets. A secret string that contains its placeholder (`Bearer [secret token]`) is
 * kept; any other secret becomes `[secret RESOURCE.PATH]`. A value that only a deployment can know becomes `${RESOURCE}`,
 * the resource that it is computed from, or `${RESOURCE.stdout}` where that is a command.
 */
function showable(registration: Registration, commands: ReadonlySet<string>): Record<string, unknown> {
  const { name, inputs, propertyDependencies } = registration;
  return mapLeaves(inputs, (leaf, path, secret) => {
    if (isUnknown(leaf)) return unknownPlaceholder(propertyDependencies[path[0] ?? ""] ?? [], commands);
    if (!secret && !isSecretData(inputs, path)) return leaf;
    return typeof leaf === "string" && leaf.includes(secretMark) ? leaf : `${secretMark}${[name, ...path].join(".")}]`;
  }) as Record<string, unknown>;
}

/** The outputs of the program without secrets. The origin of an unknown output is not recorded. */
function showableOutputs(outputs: Record<string, unknown>): Record<string, unknown> {
  return mapLeaves(outputs, (leaf, path, secret) => {
    if (secret) return `${secretMark}outputs.${path.join(".")}]`;
    return isUnknown(leaf) ? "${unknown until deployed}" : leaf;
  }) as Record<string, unknown>;
}

function unknownPlaceholder(urns: readonly string[], commands: ReadonlySet<string>): string {
  const sources = urns.map((urn) => urn.slice(urn.lastIndexOf("::") + 2) + (commands.has(urn) ? ".stdout" : ""));
  return sources.length > 0 ? `\${${[...new Set(sources)].sort().join(", ")}}` : "${unknown until deployed}";
}

/** The provider treats the data of a Secret as secret, whether the program marked it or not. */
function isSecretData(inputs: Record<string, unknown>, path: readonly string[]): boolean {
  return inputs.kind === "Secret" && inputs.apiVersion === "v1" && (path[0] === "data" || path[0] === "stringData");
}
