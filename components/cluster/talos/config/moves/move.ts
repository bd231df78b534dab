import type { Contract } from "../contract";
import type { Documents } from "../documents";
import { merge, type Tree } from "../tree";

/** Where the values of a moved field go. */
export interface Target {
  readonly documents: Documents;
  /** Reports what has no counterpart, by its path below the moved field. */
  readonly problem: (message: string) => void;
}

/** A field of the v1alpha1 document that later contracts keep in a document of its own. */
export interface Move {
  /** First contract that has it there. */
  readonly since: Contract;
  /** `["machine", "network", "hostname"]` */
  readonly path: readonly string[];
  /** Writes the field's value to its documents. @returns what stays in v1alpha1, if anything */
  readonly write: (value: unknown, target: Target) => unknown;
}

/** A move that leaves nothing behind. */
export function move(since: Contract, path: string, write: (value: unknown, target: Target) => void): Move {
  return {
    since,
    path: path.split("."),
    write: (value, target) => {
      write(value, target);
      return undefined;
    },
  };
}

/** Fields of a map by their new names; `write` is asked where a field is not just renamed. */
export function fields(
  value: unknown,
  names: Readonly<Record<string, string | ((value: unknown) => Tree)>>,
  problem: Target["problem"],
): Tree {
  let written: Tree = {};
  for (const [key, inner] of Object.entries(value as Tree)) {
    const rule = Object.hasOwn(names, key) ? names[key] : undefined;
    if (rule === undefined) problem(`${key} has no counterpart there`);
    else written = merge(written, typeof rule === "string" ? { [rule]: inner } : rule(inner));
  }
  return written;
}

/** `true`, or the text, that command-line arguments are written with. */
export function isTrue(value: unknown): boolean {
  return value === true || value === "true";
}
