import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { Document, isAlias, isMap, isNode, isScalar, isSeq, type LineCounter } from "yaml";
import { parseJson } from "../shared/json";
import { asTree, isTree } from "../shared/merge";
import { namespace, type Place, problemList, StackFileError } from "../shared/problem";
import { formatYamlProblem, parseYaml } from "../shared/yaml";
import { nearest } from "./wording";
import { own } from "../shared/own";

export interface StackConfig {
  /** String by full key (`talos-mesh:mesh`); objects and lists as JSON. */
  readonly values: Readonly<Record<string, string>>;
  readonly secretKeys: readonly string[];
  /** The place of a value, or of the part around it that exists. */
  readonly placeOf: (fullKey: string, keys: readonly (string | number)[]) => Place | undefined;
}

/** Gives the value for an encrypted one at a place such as `talos-mesh:secrets.grafana`. */
export type SecretValue = (name: string, ciphertext: string) => string;

const placeholder: SecretValue = (name) => `[secret ${name}]`;

/** Whether a secret's value is not known, as it was not decrypted. */
export function isPlaceholder(text: string): boolean {
  return /^\[secret .+\]$/.test(text);
}

/** The secrets that a stack file has in plain text, by name. */
export function plainSecrets(projectRoot: string, stackFile: string): ReadonlyMap<string, string> {
  const text = own(readStackConfig(projectRoot, stackFile).values, `${namespace}:secrets`) ?? "";
  const isPlain = (value: unknown) => typeof value === "string" && value.trim() !== "" && !isPlaceholder(value);
  return new Map(
    Object.entries(asTree(parseJson(text))).filter((entry): entry is [string, string] => isPlain(entry[1])),
  );
}

export function projectName(projectRoot: string): string {
  return readProjectFile(projectRoot).name;
}

function readProjectFile(projectRoot: string): YamlFile & { readonly name: string } {
  const file = path.join(projectRoot, "Pulumi.yaml");
  const read = readYaml(file, projectRoot);
  const { name } = read.value;
  if (typeof name !== "string" || name === "") throw new StackFileError(`${file}: name: expected the project's name`);
  return { ...read, name };
}

/**
 * Reads a stack file as the Pulumi CLI does: a key without a namespace belongs to the project, an object becomes JSON,
 * `{secure: ...}` is a secret anywhere, and defaults come from Pulumi.yaml.
 *
 * @param text what the file is about to hold. Default: what it holds
 */
export function readStackConfig(
  projectRoot: string,
  configFile: string,
  secretValue: SecretValue = placeholder,
  text?: string,
): StackConfig {
  const projectFile = readProjectFile(projectRoot);
  const stackFile = readYaml(path.resolve(configFile), projectRoot, text);
  const values = new Map<string, string>();
  const secretKeys = new Set<string>();
  const sources = new Map<string, { readonly file: YamlFile; readonly key: string }>();
  const add = (file: YamlFile, key: string, raw: unknown): void => {
    const fullKey = key.includes(":") ? key : `${projectFile.name}:${key}`;
    const earlier = sources.get(fullKey);
    if (earlier?.file === file) {
      const { line } = placeIn(file, ["config", key]);
      throw problemAt(file.shown, line, `${key} and ${earlier.key} are one setting, given twice; remove one of them`);
    }
    const value = revealed(raw, fullKey, (name, ciphertext) => {
      secretKeys.add(fullKey);
      return secretValue(name, ciphertext);
    });
    const given = value ?? "";
    values.set(fullKey, typeof given === "string" ? given : JSON.stringify(given));
    sources.set(fullKey, { file, key });
  };
  for (const [key, raw] of projectDefaults(projectFile)) add(projectFile, key, raw);
  for (const [key, raw] of Object.entries(section(stackFile, "config"))) add(stackFile, key, raw);
  refuseMisspelledConfig(stackFile);
  return {
    values: Object.fromEntries(values),
    secretKeys: [...secretKeys],
    placeOf: (fullKey, keys) => {
      const { file, key } = sources.get(fullKey) ?? { file: stackFile, key: fullKey };
      return placeIn(file, ["config", key, ...keys]);
    },
  };
}

/** Pulumi.yaml declares keys; one with a `value` or a `default` holds for every stack. */
function projectDefaults(file: YamlFile): [string, unknown][] {
  return Object.entries(section(file, "config")).flatMap(([key, declared]): [string, unknown][] => {
    const value = isTree(declared) ? (declared.value ?? declared.default) : declared;
    return value === undefined || value === null ? [] : [[key, value]];
  });
}

function revealed(raw: unknown, name: string, secretValue: SecretValue): unknown {
  if (Array.isArray(raw)) return raw.map((item, index) => revealed(item, `${name}[${index}]`, secretValue));
  if (!isTree(raw)) return raw;
  if (Object.keys(raw).length === 1 && typeof raw.secure === "string") return secretValue(name, raw.secure);
  const entries = Object.entries(raw).map(([key, item]) => [key, revealed(item, `${name}.${key}`, secretValue)]);
  return Object.fromEntries(entries);
}

interface YamlFile {
  /** As messages show it: relative to the project where it is inside. */
  readonly shown: string;
  readonly document: Document;
  readonly lines: LineCounter;
  readonly value: Readonly<Record<string, unknown>>;
}

function readYaml(file: string, projectRoot: string, text?: string): YamlFile {
  const shown = shownPath(file, projectRoot);
  const { documents, values, lines, problems } = parseYaml(text ?? readStackFile(file, projectRoot));
  if (problems.length > 0) throw unreadable(shown, problems.map(formatYamlProblem));
  const [document = new Document(null), second] = documents;
  if (second)
    throw problemAt(
      shown,
      lines.linePos(second.range?.[0] ?? 0).line,
      "a stack file is one document; remove the line ---",
    );
  const value = values[0] ?? {};
  if (!isTree(value)) throw problemAt(shown, 1, "expected a mapping with the key config");
  return { shown, document, lines, value };
}

/** The text of a stack file. */
export function readStackFile(file: string, projectRoot: string): string {
  const shown = shownPath(file, projectRoot);
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message = code === "ENOENT" ? missingStackFile(shown, projectRoot) : unreadableFile(shown, code);
    throw new StackFileError(message, { cause: error });
  }
}

function unreadableFile(shown: string, code = "no error code"): string {
  return code === "EISDIR"
    ? `${shown} is a folder; name a stack file by --config FILE.`
    : `${shown} cannot be read (${code}); name a stack file that you may read.`;
}

function missingStackFile(shown: string, projectRoot: string): string {
  const stacks = readdirSync(projectRoot).flatMap((entry) => /^Pulumi\.(.+)\.yaml$/.exec(entry)?.[1] ?? []);
  const known = stacks.sort().join(", ") || "none";
  return `${shown} does not exist. The stacks of this project are: ${known}. Name a stack file in another folder by --config FILE.`;
}

/** Keys of a stack file that the Pulumi CLI knows. */
const stackFileKeys = ["config", "environment", "secretsprovider", "encryptionsalt", "encryptedkey"];

function refuseMisspelledConfig(file: YamlFile): void {
  const unknownKey = Object.keys(file.value).find((key) => !stackFileKeys.includes(key));
  if (Object.hasOwn(file.value, "config") || unknownKey === undefined) return;
  const hint = nearest(unknownKey, stackFileKeys) === "config" ? ` (did you mean config for ${unknownKey}?)` : "";
  throw problemAt(
    file.shown,
    placeIn(file, [unknownKey]).line,
    `the key config is missing; all settings are under it${hint}`,
  );
}

/** Relative to the project where the file is inside, so that every command shows the same. */
export function shownPath(file: string, projectRoot: string): string {
  const relative = path.relative(projectRoot, file);
  return relative.startsWith("..") ? file : relative;
}

function section(file: YamlFile, key: string): Readonly<Record<string, unknown>> {
  const found = own(file.value, key) ?? {};
  if (isTree(found)) return found;
  throw problemAt(file.shown, placeIn(file, [key]).line, `${key}: expected a mapping of key: value`);
}

function problemAt(file: string, line: number, message: string): StackFileError {
  return unreadable(file, [`${line}: ${message}`]);
}

/** @param problems each with its line in front */
function unreadable(file: string, problems: readonly string[]): StackFileError {
  return new StackFileError(
    problemList(
      problems.map((problem) => `${file}:${problem}`),
      file,
    ),
  );
}

/** The place of the innermost part that exists. */
function placeIn({ shown, document, lines }: YamlFile, keys: readonly (string | number)[]): Place {
  let offset = 0;
  let node: unknown = document.contents;
  for (const key of keys) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (!pair || !isNode(pair.key)) break;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)];
      if (!isNode(node)) break;
      offset = node.range?.[0] ?? offset;
    } else break;
  }
  const { line, col } = lines.linePos(offset);
  return { file: shown, line, column: col };
}
