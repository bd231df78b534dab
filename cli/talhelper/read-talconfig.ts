import { parse } from "yaml";
import { isTree, type Tree } from "../../components/shared/merge";

/** What the user has to know about an import, with the path in the talconfig. */
export class Notes {
  /** Not imported, with the reason. */
  readonly lost: string[] = [];
  /** Imported, but to be checked. */
  readonly remarks: string[] = [];
  /** Without these nothing is imported. */
  readonly missing: string[] = [];

  readonly lose = addingTo(this.lost);
  readonly remark = addingTo(this.remarks);
  readonly miss = addingTo(this.missing);
}

/** A file that is read twice has each note once. */
const addingTo = (lines: string[]) => (at: string, text: string) => {
  const line = `${at}: ${text}`;
  if (!lines.includes(line)) lines.push(line);
};

/** Text of a file; nothing, and a note, where SOPS has encrypted it. */
export function plainText(text: string, name: string, notes: Notes): string | undefined {
  if (!isSopsEncrypted(text)) return text;
  notes.miss(name, `is encrypted with SOPS; decrypt it first: sops -d ${name} > plain.yaml, and import that`);
  return undefined;
}

/** Whether SOPS has encrypted a YAML file: it adds a mapping of its own, with a MAC of the whole file. */
export function isSopsEncrypted(text: string): boolean {
  try {
    const document: unknown = /^sops:/m.test(text) && parse(text);
    return isTree(document) && isTree(document.sops) && Object.hasOwn(document.sops, "mac");
  } catch {
    return false;
  }
}

export function readYaml(text: string, notes: Notes): Tree | undefined {
  try {
    const value = parse(text) as unknown;
    if (isTree(value)) return value;
    notes.miss("talconfig", "expected a mapping");
  } catch (error) {
    notes.miss("talconfig", `is not YAML: ${(error as Error).message.split("\n")[0] ?? ""}`);
  }
  return undefined;
}

/** `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, and `$$` for a dollar. */
const variable = /\$(?:\$|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-=])([^}]*))?\})/g;

/**
 * Substitutes variables as talhelper does. A variable that is not set and has no default gets a note, because it would be
 * empty. No note repeats a value.
 */
export function substitute(text: string, environment: NodeJS.ProcessEnv, notes: Notes): string {
  // Variables in lines that are only a comment need not be set.
  const withoutComments = text.replaceAll(/^[ \t]*#.*$/gm, "");
  return withoutComments.replaceAll(
    variable,
    (whole, plain?: string, braced?: string, operator?: string, fallback: string = ""): string => {
      const name = plain ?? braced;
      if (name === undefined) return "$";
      const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
      if (value !== undefined && (value !== "" || operator === "-")) {
        notes.remark(`\${${name}}`, "its value is written to the stack file; check that it is no secret");
        return value;
      }
      if (operator !== undefined) return fallback;
      notes.miss(`\${${name}}`, `not set; run the import with ${name}=... in front of it`);
      return whole;
    },
  );
}
