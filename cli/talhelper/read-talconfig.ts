import path from "node:path";
import { CST, Lexer, parse } from "yaml";
import { asTree, isTree } from "../../components/shared/merge";
import { formatYamlProblem, parseYaml } from "../../components/shared/yaml";
import type { Notes } from "./notes";
import { own } from "../../components/shared/own";

/** Content of a file that the talconfig names, decrypted, as talhelper reads it; undefined, and a note, where it cannot be read. */
export type ReadText = (name: string) => string | undefined;

type ReadFile = (file: string) => string;

/** The file that a value of a talconfig names by '@'; undefined where the value is the content itself. */
export function fileReference(value: string): string | undefined {
  return /^@\s*(\S[^]*)$/.exec(value)?.[1]?.trim();
}

export function readText(readFile: ReadFile, folder: string, notes: Notes): ReadText {
  return (name) => {
    let text: string;
    try {
      text = readFile(path.resolve(folder, name));
    } catch {
      notes.miss(`@${name}`, "cannot be read; its path is relative to the talconfig");
      return undefined;
    }
    return plainText(text, name, notes);
  };
}

/** Text of a file; undefined, and a note, where SOPS has encrypted it. */
export function plainText(text: string, name: string, notes: Notes): string | undefined {
  if (!isSopsEncrypted(text)) return text;
  notes.miss(name, `is encrypted with SOPS; decrypt it first: sops -d ${name} > plain.yaml, and use that file`);
  return undefined;
}

/** Whether SOPS has encrypted a file: it adds a MAC of the whole file, in the form of YAML, JSON, dotenv or INI. */
export function isSopsEncrypted(text: string): boolean {
  if (/^sops_mac=/m.test(text) || /^\[sops\]$/m.test(text)) return true;
  try {
    const document: unknown = text.includes("sops") && parse(text);
    return isTree(document) && isTree(document.sops) && Object.hasOwn(document.sops, "mac");
  } catch {
    return false;
  }
}

/** Reports what talhelper does with a talsecret.yaml, and `gen config` does not. */
export function checkSecrets(text: string, name: string, notes: Notes): void {
  const [secrets] = parseYaml(text).values;
  if (asTree(asTree(secrets).secrets).aescbcencryptionsecret) {
    notes.lose(
      `${name}: secrets.aescbcencryptionsecret`,
      "talhelper writes it to the machine configs; gen config does not, and refuses it next to secretboxencryptionsecret. " +
        "Set cluster.aescbcEncryptionSecret by a patch and remove it here, or Secrets that it has encrypted cannot be read",
    );
  }
  if (/\$[\w{]/.test(text)) {
    notes.remark(
      name,
      "has variables, which talhelper fills and this program does not; store the file with their values",
    );
  }
}

/** The value of a talconfig; undefined, and notes, where it is not YAML. */
export function readYaml(text: string, notes: Notes): unknown {
  const { values, problems } = parseYaml(text, { octal: true });
  for (const problem of problems) notes.miss("talconfig", formatYamlProblem(problem));
  return values[0] ?? undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Files with variables that talhelper reads by default; their values win over those of the environment. */
const variableFiles = ["talenv.yaml", "talenv.sops.yaml", "talenv.yml", "talenv.sops.yml"];

/** The environment with the variables of the files next to the talconfig. */
export function talhelperEnvironment(environment: Environment, folder: string, readFile: ReadFile, notes: Notes) {
  const variables = new Map(Object.entries(environment));
  for (const name of variableFiles) {
    let text: string;
    try {
      text = readFile(path.join(folder, name));
    } catch {
      continue;
    }
    if (isSopsEncrypted(text)) {
      notes.remark(
        name,
        `is encrypted with SOPS, and not read; where its variables are used: sops exec-env ${name} 'npm run import:talhelper -- ...'`,
      );
      continue;
    }
    for (const [key, value] of variablesIn(text, name, notes)) variables.set(key, value);
  }
  return Object.fromEntries(variables);
}

function variablesIn(text: string, name: string, notes: Notes): [string, string][] {
  const { problems } = parseYaml(text, { octal: true });
  for (const problem of problems) notes.miss(name, formatYamlProblem(problem));
  // Values as they are written: 1.10 stays 1.10.
  const value: unknown = problems.length === 0 ? parse(text, { schema: "failsafe" }) : {};
  if (typeof value === "object" && !Array.isArray(value)) {
    const entries = Object.entries(asTree(value));
    if (entries.every((entry): entry is [string, string] => typeof entry[1] === "string")) return entries;
  }
  notes.miss(name, "expected a mapping of variables to their values, such as NAME: value");
  return [];
}

/**
 * `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:+other}`, and `$$` for a dollar.
 * Source: a8m/envsubst, parse/lex.go.
 */
const variable =
  /\$(?:\$|\{(?<braced>[\p{L}\p{Nd}_]+)(?:(?<operator>:?[-=+])?(?<other>[^}\r\n]*))(?<closing>\}?)|(?<plain>[\p{L}\p{Nd}_]+)|\{(?<unnamed>[^}\r\n]*[\p{L}\p{Nd}_]))/gu;

type VariableGroups = Readonly<
  Partial<Record<"braced" | "operator" | "other" | "closing" | "plain" | "unnamed", string>>
>;

/**
 * Substitutes variables as talhelper does, except in comments of YAML. One that is not set, or empty, and has no default gets
 * a note. No note repeats a value.
 */
export function substitute(text: string, environment: Environment, notes: Notes): string {
  const parts: { text: string; readonly isComment: boolean }[] = [];
  let isScalar = false;
  for (const token of new Lexer().lex(text)) {
    const isComment = !isScalar && CST.tokenType(token) === "comment";
    isScalar = token === CST.SCALAR;
    if (control.has(token)) continue;
    const last = parts.at(-1);
    // Outside of comments, a variable may be more than one token of YAML.
    if (last?.isComment === isComment) last.text += token;
    else parts.push({ text: token, isComment });
  }
  const result = parts.map((part) => (part.isComment ? part.text : substituteVariables(part.text, environment, notes)));
  return result.join("");
}

/** Marks of the lexer that are not in the text. */
const control = new Set<string>([CST.DOCUMENT, CST.FLOW_END, CST.SCALAR]);

function substituteVariables(text: string, environment: Environment, notes: Notes): string {
  const valueOf = (name: string): string => {
    const value = own(environment, name);
    if (value !== undefined && value !== "") {
      notes.remark(`\${${name}}`, "its value is written to the stack file; check that it is no secret");
      return value;
    }
    const found = value === undefined ? "not set" : "empty";
    notes.miss(
      `\${${name}}`,
      `${found}; run the import with ${name}=... in front of it, or write $$ for a dollar sign`,
    );
    return "";
  };
  return text.replaceAll(variable, (whole: string, ...rest: unknown[]): string => {
    const { braced, operator, other = "", closing, plain, unnamed } = rest.at(-1) as VariableGroups;
    const name = braced ?? plain;
    if (name === "_") return whole;
    if (unnamed !== undefined || (braced !== undefined && closing === "")) {
      const what = unnamed === undefined ? "has no closing brace on its line" : "does not begin with a variable's name";
      notes.miss(`\${${name ?? ""}`, `${what}; write $$ for a dollar sign`);
      return whole;
    }
    if (name === undefined) return "$";
    const isSet = own(environment, name) !== undefined;
    if (operator === undefined || other === "") return valueOf(name);
    const [, otherName] = /^\$([\p{L}\p{Nd}_]+)$/u.exec(other) ?? [];
    const alternative = () => (otherName === undefined ? other : valueOf(otherName));
    if (operator.includes("+")) return isSet ? alternative() : "";
    const isUsed = operator.startsWith(":") ? isSet && own(environment, name) !== "" : isSet;
    return isUsed ? valueOf(name) : alternative();
  });
}
