import { isDeepStrictEqual } from "node:util";
import {
  Composer,
  CST,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Parser,
  type Scalar,
  type YAMLMap,
} from "yaml";
import { isTree } from "../components/shared/merge";
import { own } from "../components/shared/own";
import { UserError } from "../components/shared/problem";

/** A value in a stack file: its keys and positions below `config`, and what it gets. */
export interface Edit {
  /** `talos-mesh:mesh`, then `version`; the first key may be without the namespace, as the Pulumi CLI reads it. */
  readonly path: readonly [section: string, ...keys: (string | number)[]];
  readonly value: string | number;
}

/**
 * The text with one string replaced, or added where its mapping has no such key. Every other byte stays: comments, quotes,
 * blank lines, anchors.
 *
 * @throws UserError where other settings would change as well, or the string is not written in a form that can be replaced
 */
export function edited(text: string, edit: Edit): { readonly text: string; readonly line: number } {
  const { document, stringify } = read(text);
  const [section, ...keys] = edit.path;
  const sections = document.get("config", true);
  const name = isMap(sections) && sections.has(section) ? section : section.replace(/^.*?:/, "");
  const key = [name, ...keys];
  const found = find(sections, key, document);
  if (found === undefined)
    throw new UserError(`${key.join(".")}: not found in the stack file, in a form that can be edited; ${byHand(edit)}`);
  const at = (offset: number) => text.slice(0, offset).split("\n").length;
  let result: string;
  let line: number;
  if (isScalar(found)) {
    const { srcToken: token } = found;
    if (!CST.isScalar(token)) throw new UserError(`${key.join(".")}: ${byHand(edit)}`);
    line = at(token.offset);
    CST.setScalarValue(token, String(edit.value));
    result = stringify();
  } else {
    const added = withKey(text, found, `${keys.at(-1)}: ${edit.value}`);
    if (added === undefined) throw new UserError(`${key.join(".")}: ${byHand(edit)}`);
    ({ text: result } = added);
    line = at(added.offset);
  }
  const expected = withValue(document.toJS(), ["config", ...key], edit.value);
  if (!isDeepStrictEqual(read(result).document.toJS(), expected)) {
    throw new UserError(
      `line ${line}: the value of ${key.join(".")} is shared with other settings by an anchor, and they would change too; ` +
        "write it out where it is used, and run this again",
    );
  }
  return { text: result, line };
}

function byHand({ value }: Edit): string {
  return `set it to ${value} by hand, and run this again`;
}

function read(text: string) {
  const tokens = [...new Parser().parse(text)];
  const [document] = [...new Composer({ keepSourceTokens: true, merge: true }).compose(tokens)];
  if (document === undefined) throw new UserError("the stack file is empty");
  return { document: document as Document, stringify: () => tokens.map((token) => CST.stringify(token)).join("") };
}

/** The string at the keys, also behind aliases and merge keys; or the mapping to which the last key can be added. */
function find(
  node: unknown,
  [key, ...rest]: readonly (string | number)[],
  document: Document,
): Scalar | YAMLMap | undefined {
  const value = isAlias(node) ? node.resolve(document) : node;
  if (key === undefined) return isScalar(value) ? value : undefined;
  if (isSeq(value) && typeof key === "number") return find(value.items[key], rest, document);
  if (!isMap(value) || typeof key === "number") return undefined;
  const next = lookUp(value, key, document);
  if (next !== undefined) return find(next, rest, document);
  return rest.length === 0 ? value : undefined;
}

function lookUp(map: YAMLMap, key: string, document: Document): unknown {
  const own = map.items.find((item) => isScalar(item.key) && item.key.value === key);
  if (own) return own.value;
  for (const { key: name, value } of map.items) {
    if (!isScalar(name) || name.source !== "<<") continue;
    const merged = isSeq(value) ? value.items : [value];
    for (const each of merged) {
      const target = isAlias(each) ? each.resolve(document) : each;
      const found = isMap(target) ? lookUp(target, key, document) : undefined;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** Adds an entry after the first one whose value is a string on one line. */
function withKey(
  text: string,
  map: YAMLMap,
  entry: string,
): { readonly text: string; readonly offset: number } | undefined {
  const first = map.items.find(({ value }) => isScalar(value) && !/^BLOCK_/.test(value.type ?? ""));
  const [keyRange, valueRange] = [first?.key, first?.value].map((node) => (isNode(node) ? node.range : undefined));
  if (!keyRange || !valueRange || text.slice(keyRange[0], valueRange[1]).includes("\n")) return undefined;
  const end = valueRange[1];
  const insert = (offset: number, added: string) => ({
    text: text.slice(0, offset) + added + text.slice(offset),
    offset,
  });
  if (map.flow) return insert(end, `, ${entry}`);
  const start = text.lastIndexOf("\n", keyRange[0]) + 1;
  const indent = text.slice(start, keyRange[0]);
  if (indent.trim() !== "") return undefined;
  const lineEnd = text.indexOf("\n", end);
  const newLine = text.includes("\r\n") ? "\r\n" : "\n";
  return lineEnd < 0
    ? insert(text.length, `${newLine}${indent}${entry}`)
    : insert(lineEnd + 1, `${indent}${entry}${newLine}`);
}

function withValue(tree: unknown, [key, ...rest]: readonly (string | number)[], value: unknown): unknown {
  if (key === undefined) return value;
  if (Array.isArray(tree)) return tree.map((item: unknown, at) => (at === key ? withValue(item, rest, value) : item));
  return isTree(tree) ? { ...tree, [key]: withValue(own(tree, String(key)), rest, value) } : tree;
}
