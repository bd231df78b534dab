import { readFileSync } from "node:fs";
import path from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { StackFileError } from "./errors";
import { isTree } from "../../components/shared/merge";

/** The configuration of a stack in the form the Pulumi CLI hands to a program. */
export interface StackConfig {
  /** Text by full key (`talos-mesh:mesh`); objects and lists as JSON. */
  readonly values: Readonly<Record<string, string>>;
  /** Full keys whose value holds a secret. */
  readonly secretKeys: readonly string[];
}

/** Gives what stands for the encrypted text at a place such as `talos-mesh:secrets.grafana`. */
export type SecretValue = (name: string, ciphertext: string) => string;

/** The project's name, from its Pulumi.yaml. */
export function projectName(projectRoot: string): string {
  const file = path.join(projectRoot, "Pulumi.yaml");
  const name = readYaml(file).name;
  if (typeof name !== "string" || name === "") throw new StackFileError(`${file}: name: expected the project's name`);
  return name;
}

/**
 * Reads a stack file as the Pulumi CLI does: a key without a namespace belongs to the project, an object becomes JSON,
 * `{secure: ...}` is a secret wherever it stands, and what the file leaves out comes from Pulumi.yaml.
 */
export function readStackConfig(projectRoot: string, configFile: string, secretValue: SecretValue): StackConfig {
  const project = projectName(projectRoot);
  const values: Record<string, string> = {};
  const secretKeys: string[] = [];
  const inFile = section(readYaml(configFile), "config", configFile);

  for (const [key, raw] of [...projectDefaults(projectRoot), ...Object.entries(inFile)]) {
    const fullKey = key.includes(":") ? key : `${project}:${key}`;
    const { value, secret } = revealed(raw, fullKey, secretValue);
    const given = value ?? "";
    values[fullKey] = typeof given === "string" ? given : JSON.stringify(given);
    if (secret) secretKeys.push(fullKey);
  }
  return { values, secretKeys };
}

/** Pulumi.yaml declares keys; one with a `value` or a `default` holds for every stack. */
function projectDefaults(projectRoot: string): [string, unknown][] {
  const file = path.join(projectRoot, "Pulumi.yaml");
  return Object.entries(section(readYaml(file), "config", file)).flatMap(([key, declared]): [string, unknown][] => {
    const value = isTree(declared) ? (declared.value ?? declared.default) : declared;
    return value === undefined || value === null ? [] : [[key, value]];
  });
}

/** A place's value with its secrets filled in, and whether there are any. */
function revealed(raw: unknown, name: string, secretValue: SecretValue): { value: unknown; secret: boolean } {
  if (isTree(raw) && Object.keys(raw).length === 1 && typeof raw.secure === "string") {
    return { value: secretValue(name, raw.secure), secret: true };
  }
  if (Array.isArray(raw)) {
    const items = raw.map((item, index) => revealed(item, `${name}[${index}]`, secretValue));
    return { value: items.map(({ value }) => value), secret: items.some(({ secret }) => secret) };
  }
  if (isTree(raw)) {
    const items = Object.entries(raw).map(([key, item]) => ({ key, ...revealed(item, `${name}.${key}`, secretValue) }));
    return {
      value: Object.fromEntries(items.map(({ key, value }) => [key, value])),
      secret: items.some(({ secret }) => secret),
    };
  }
  return { value: raw, secret: false };
}

function section(document: Record<string, unknown>, key: string, file: string): Record<string, unknown> {
  const value = document[key] ?? {};
  if (!isTree(value)) throw new StackFileError(`${file}: ${key}: expected a map of key: value`);
  return value;
}

function readYaml(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new StackFileError(code === "ENOENT" ? `${file}: there is no such file` : message, { cause: error });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  if (document.errors.length > 0) {
    const places = document.errors.map((error) => `${file}:${lines.linePos(error.pos[0]).line}: ${error.message}`);
    throw new StackFileError(places.join("\n"));
  }
  const value: unknown = document.toJS() ?? {};
  if (!isTree(value)) throw new StackFileError(`${file}:1: expected a map with the key config`);
  return value;
}
