import { stringify } from "yaml";
import { releaseType } from "../../components/shared/kubernetes/helm-records";
import { asTree, sortedKeys } from "../../components/shared/merge";
import { UserError } from "../../components/shared/problem";
import {
  type ProgramResult,
  type Registration,
  type ResourceHost,
  runProgram,
} from "../../embedded/program/run-program";
import { commandType } from "../../embedded/engine/naming";
import { isUnknown, mapLeaves } from "../../embedded/program/secrets";
import type { StackChoice } from "../stack-option";
import { own } from "../../components/shared/own";

/** File name to content. */
export type Documents = ReadonlyMap<string, string>;

type Inputs = Record<string, unknown>;

/** Deploys nothing: a resource is its inputs, and what only a deployment can know is unknown, as in a preview. */
export const renderHost: ResourceHost = {
  register: ({ inputs }) => Promise.resolve({ state: { ...inputs } }),
};

/** What a deployment would create. Needs no cluster, no network, and no other process. */
export function rendered(choice: StackChoice): Promise<ProgramResult> {
  return runProgram({ ...choice, host: renderHost, preview: true, render: true, secretValue: secretPlaceholder });
}

/** Resources that are listed in a file of their own, by type. */
const lists: ReadonlyMap<string, { readonly file: string; readonly entry: (inputs: Inputs) => Inputs }> = new Map([
  [releaseType, { file: "releases.json", entry: releaseEntry }],
  [commandType, { file: "commands.json", entry: commandEntry }],
]);

function releaseEntry({ name, namespace, chart, version, repositoryOpts, values = {} }: Inputs): Inputs {
  return { name, namespace, chart, version, repo: asTree(repositoryOpts).repo, values };
}

function commandEntry({ create, update, delete: remove, environment, stdin, dir, interpreter }: Inputs): Inputs {
  return { create, update, delete: remove, environment, stdin, dir, interpreter };
}

/**
 * A YAML file for each object, and releases, commands and outputs as JSON: the same bytes for the same program. Secrets,
 * and values that only a deployment can know, are placeholders.
 */
export function documents({ registrations, outputs }: ProgramResult): Documents {
  const commands = new Set(registrations.filter(({ type }) => type === commandType).map(({ urn }) => urn));
  const objects = new Map<string, string>();
  const entries = new Map<string, Inputs[]>([...lists.values()].map(({ file }) => [file, []]));
  for (const registration of registrations) {
    const { custom, name, type, urn } = registration;
    if (!custom || type.startsWith("pulumi:providers:")) continue;
    const inputs = showable(registration, commands);
    const isObject = typeof inputs.apiVersion === "string" && typeof inputs.kind === "string";
    if (isObject && !lists.has(type)) {
      const file = fileName(registration, inputs);
      if (objects.has(file)) throw new UserError(`two objects would be written to ${file}; one of them is ${urn}`);
      objects.set(file, yaml(inputs));
    } else {
      // A resource of an unknown provider is shown as it is.
      const { file, entry } = lists.get(type) ?? { file: "others.json", entry: () => ({ type, inputs }) };
      entries.set(file, [...(entries.get(file) ?? []), { resource: name, ...entry(inputs) }]);
    }
  }
  const byName = (a: Inputs, b: Inputs) => compare(String(a.resource), String(b.resource));
  const listed = [...entries].map(([file, items]) => [file, json(items.sort(byName))] as const);
  return new Map([...objects, ...listed, ["outputs.json", json(showableOutputs(outputs))]]);
}

/** By code point: the user's language must not change a file. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `networking.istio.io_virtualservice_bookinfo_reviews.yaml`; without a namespace, one part less. */
function fileName({ name }: Registration, inputs: Inputs): string {
  const metadata = asTree(inputs.metadata);
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
  return `${JSON.stringify(value, sortedKeys, 2)}\n`;
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
function showable(registration: Registration, commands: ReadonlySet<string>): Inputs {
  const { name, inputs, propertyDependencies } = registration;
  // The provider treats the data of a Secret as secret, whether the program marked it or not.
  const hasSecretData = inputs.kind === "Secret" && inputs.apiVersion === "v1";
  return mapLeaves(inputs, (leaf, path, secret) => {
    if (isUnknown(leaf)) return unknownPlaceholder(own(propertyDependencies, path[0] ?? "") ?? [], commands);
    const isSecretData = hasSecretData && (path[0] === "data" || path[0] === "stringData");
    if (!secret && !isSecretData) return leaf;
    return typeof leaf === "string" && leaf.includes(secretMark) ? leaf : `${secretMark}${[name, ...path].join(".")}]`;
  }) as Inputs;
}

/** The outputs of the program without secrets. The origin of an unknown output is not recorded. */
function showableOutputs(outputs: Inputs): Inputs {
  return mapLeaves(outputs, (leaf, path, secret) => {
    if (secret) return `${secretMark}outputs.${path.join(".")}]`;
    return isUnknown(leaf) ? unknownPlaceholder([]) : leaf;
  }) as Inputs;
}

function unknownPlaceholder(urns: readonly string[], commands: ReadonlySet<string> = new Set()): string {
  const sources = urns.map((urn) => urn.slice(urn.lastIndexOf("::") + 2) + (commands.has(urn) ? ".stdout" : ""));
  return sources.length > 0 ? `\${${[...new Set(sources)].sort().join(", ")}}` : "${unknown until deployed}";
}
