import { stringify } from "yaml";
import { UserError } from "../../embedded/program/errors";
import type { ProgramResult, Registration } from "../../embedded/program/run-program";
import { isTree } from "../../embedded/program/secrets";
import { showable, showableOutputs } from "./placeholders";

/** File name to content. */
export type Documents = ReadonlyMap<string, string>;

const releaseType = "kubernetes:helm.sh/v3:Release";
const commandType = "command:local:Command";

/**
 * One YAML file an object, and the releases, commands and outputs as JSON: the same bytes for the same program, with
 * secrets and what is unknown before a deployment as placeholders.
 */
export function documents({ registrations, outputs }: ProgramResult): Documents {
  const commands = new Set(registrations.filter(({ type }) => type === commandType).map(({ urn }) => urn));
  const made = registrations.filter(({ custom, type }) => custom && !type.startsWith("pulumi:providers:"));
  const shown = made.map((registration) => ({ registration, inputs: showable(registration, commands) }));
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
  // A provider this command knows nothing of is shown as it is, not left out.
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

/** By code point: the order of letters in the user's language must not change a file. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `networking.istio.io_virtualservice_bookinfo_reviews.yaml`; without a namespace, one part less. */
function fileName({ name }: Registration, inputs: Record<string, unknown>): string {
  const metadata = isTree(inputs.metadata) ? inputs.metadata : {};
  const [group, version] = String(inputs.apiVersion).split("/");
  // Colons (RBAC) and placeholders are no part of a portable file name.
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

function sortedKeys(tree: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(tree).sort(([a], [b]) => compare(a, b)));
}
