import { type ScalarTag, stringify, type Tags } from "yaml";
import { isTree, type Tree } from "../../../shared/merge";
import { own } from "../../../shared/own";

const step = 4;

const goString: ScalarTag = {
  tag: "tag:yaml.org,2002:str",
  default: true,
  identify: (value) => typeof value === "string",
  resolve: (text) => text,
  stringify: ({ value }, { indent, indentAtStart }) => {
    // Only a value after a key has `indentAtStart`; in a list item, its block is indented to a full step.
    const margin = indentAtStart === undefined ? indent.length : step * Math.floor(indent.length / step);
    return scalar(String(value), margin);
  },
};

/**
 * YAML byte for byte as Go's yaml package writes a mapping: four spaces a level, list items indented, no line wrapped, quotes
 * only where a string would be read as something else. Hashes of the YAML depend on these bytes.
 *
 * Not supported: strings with a carriage return or Unicode's own line separators, and keys of several lines.
 *
 * Source: go.yaml.in/yaml v4, internal/libyaml: representer.go, desolver.go, emitter.go.
 */
export function goYaml(map: Tree): string {
  const customTags = (tags: Tags): Tags => [goString, ...tags];
  return stringify(map, { indent: step, lineWidth: 0, aliasDuplicateObjects: false, customTags });
}

/** Keys that documents and examples begin with. */
const firstKeys = ["apiVersion", "kind", "name", "interface", "path", "op"];

/**
 * Mappings with their keys in one order, whatever the order that a user wrote them in: otherwise a file that means the same
 * would have other hashes, and an update would touch every node.
 */
export function inOrder<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map((item: unknown) => inOrder(item)) as Value;
  if (!isTree(value)) return value;
  const rank = (key: string) => (firstKeys.includes(key) ? firstKeys.indexOf(key) : firstKeys.length);
  const entries = Object.entries(value).map(([key, inner]) => [key, inOrder(inner)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1))) as Value;
}

/** @param margin indentation of the lines of a block */
function scalar(value: string, margin: number): string {
  if (value.includes("\n")) return canBeBlock(value) ? block(value, margin) : doubleQuoted(value);
  if (yaml11Words.test(value) || sexagesimal.test(value)) return `'${value}'`;
  if (isNotString(value)) return doubleQuoted(value);
  if (canBePlain(value)) return value;
  return canBeSingleQuoted(value) ? `'${value.replaceAll("'", "''")}'` : doubleQuoted(value);
}

/** Booleans, merge keys and base-60 numbers of YAML 1.1, which are strings in YAML 1.2. */
const yaml11Words = /^(y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF|<<)$/;
const sexagesimal = /^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$/;

const yaml12Words = /^(|~|null|Null|NULL|true|True|TRUE|false|False|FALSE|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$/;
const numbers = [
  /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/,
  /^[-+]?0([xX][0-9a-fA-F]+|[oO]?[0-7]+|[bB][01]+)$/,
];
const timestamp =
  /^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]+)?([Zz]|[-+][0-9:]+)?)?$/;

function isNotString(value: string): boolean {
  const digits = /^[-+.]?[0-9]/.test(value) ? value.replaceAll("_", "") : value;
  return yaml12Words.test(value) || numbers.some((number) => number.test(digits)) || timestamp.test(value);
}

function canBePlain(value: string): boolean {
  if (/^ | $|^(---|\.\.\.)/.test(value)) return false;
  if (/^[#,[\]{}&*!|>'"%@`]/.test(value) || /^[-?:]( |$)/.test(value)) return false;
  return !/:( |$)| #/.test(value) && canBeSingleQuoted(value);
}

function canBeSingleQuoted(value: string): boolean {
  return !value.includes("\t") && isPrintable(value);
}

function canBeBlock(value: string): boolean {
  return !/ $| \n/.test(value) && /\S/.test(value) && isPrintable(value.replaceAll(/[\t\n]/g, ""));
}

/** No control characters, no byte-order mark, and nothing beyond the basic plane. */
function isPrintable(value: string): boolean {
  return !/[\p{Cc}\uFEFF\uFFFE\uFFFF\u{10000}-\u{10FFFF}]/u.test(value);
}

function block(value: string, margin: number): string {
  const hint = value.startsWith(" ") ? String(step) : "";
  const chomp = !value.endsWith("\n") ? "-" : value.endsWith("\n\n") ? "+" : "";
  const lines = value.replace(/\n$/, "").split("\n");
  return [`|${hint}${chomp}`, ...lines.map((line) => (line === "" ? "" : " ".repeat(margin) + line))].join("\n");
}

function doubleQuoted(value: string): string {
  const escaped = [...value].map((character) => {
    if (character === '"' || character === "\\") return `\\${character}`;
    return isPrintable(character) ? character : escape(character);
  });
  return `"${escaped.join("")}"`;
}

const named: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\x07": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  "\x1B": "\\e",
  "\x85": "\\N",
};

function escape(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16).toUpperCase();
  const numeric = code > 0xffff ? `\\U${hex.padStart(8, "0")}` : `\\u${hex.padStart(4, "0")}`;
  return own(named, character) ?? (code < 0x100 ? `\\x${hex.padStart(2, "0")}` : numeric);
}
