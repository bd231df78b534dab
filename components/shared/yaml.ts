import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type ScalarTag,
  visit,
  type YAMLError,
} from "yaml";

export interface YamlText {
  readonly documents: readonly Document[];
  /** Of the documents; empty where there are problems. */
  readonly values: readonly unknown[];
  readonly lines: LineCounter;
  readonly problems: readonly YamlProblem[];
}

/** Why a string has no value, or none that all readers of YAML agree on. Never repeats a value that may be secret. */
export interface YamlProblem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

interface YamlOptions {
  /** Read `0644` as Go does, which writes file modes so: as an octal number. Without this it is a problem. */
  readonly octal?: boolean;
}

/** Far below where a recursive function overflows the stack. */
const maxDepth = 100;

const octalTag: ScalarTag = {
  tag: "tag:yaml.org,2002:int",
  default: true,
  test: /^0[0-7]+$/,
  resolve: (text) => Number.parseInt(text, 8),
};

/** Reads text that a user wrote. */
export function parseYaml(text: string, { octal = false }: YamlOptions = {}): YamlText {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
    ...(octal && { customTags: (tags) => [octalTag, ...tags] }),
  });
  const documents: readonly Document.Parsed[] = "empty" in parsed ? [] : parsed;
  const problems: YamlProblem[] = [];
  const add = (offset: number, message: string) => {
    const { line, col } = lines.linePos(offset);
    problems.push({ line, column: col, message });
  };
  // The first error of each document: the parser reports the same mistake up to three times more.
  for (const { errors, warnings } of documents) {
    const [first] = [...errors, ...warnings];
    if (first) add(first.pos[0], syntaxMessage(first, text));
  }
  if (problems.length === 0) for (const document of documents) checkNodes(document, octal, add);
  const values: unknown[] = [];
  if (problems.length === 0) {
    for (const document of documents) {
      try {
        values.push(document.toJS());
      } catch {
        // What is left is the library's limit of copies.
        add(document.range[0], "its aliases repeat so much that it is refused; write out the values");
      }
    }
  }
  return { documents, values: problems.length === 0 ? values : [], lines, problems };
}

/** As messages write it: `3:5: not valid YAML: ...`. */
export function formatYamlProblem({ line, column, message }: YamlProblem): string {
  return `${line}:${column}: ${message}`;
}

function syntaxMessage({ code, pos: [start], message }: YAMLError, text: string): string {
  if (code === "DUPLICATE_KEY")
    return `key ${/^.*?(?=\s*(:\s|:?$))/m.exec(text.slice(start))?.[0] ?? ""} appears twice`;
  if (code === "TAG_RESOLVE_FAILED")
    return `not valid YAML: the tag ${/^\S*/.exec(text.slice(start))?.[0]} is not known`;
  if (message.includes("call stack")) return tooDeep;
  // Some messages end with the text that was found.
  const reason = message.replace(/:? "[^]*"$/, "");
  return `not valid YAML: ${reason}${/INDENT|IMPLICIT_KEY/.test(code) ? "; check the indentation here" : ""}`;
}

const tooDeep = `nested too deeply; at most ${maxDepth} levels are read`;

function checkNodes(document: Document.Parsed, octal: boolean, add: (offset: number, message: string) => void): void {
  const at = (node: Node) => node.range?.[0] ?? 0;
  visit(document, {
    Node(_key, node, path) {
      if (path.length > maxDepth && path.filter(isCollection).length >= maxDepth) {
        add(at(node), tooDeep);
        return visit.BREAK;
      }
      if (isAlias(node)) {
        const target = node.resolve(document);
        if (!target) add(at(node), `*${node.source} is used before it is defined by &${node.source}`);
        else if (path.includes(target)) add(at(node), `*${node.source} is inside the value that &${node.source} names`);
      }
      const tag = node.tag?.replace("tag:yaml.org,2002:", "!!");
      if (tag !== undefined && !jsonTags.includes(tag)) add(at(node), `a value of ${tag} has no form in JSON`);
      else if (isScalar(node) && typeof node.value === "number") {
        const problem = numberProblem(node.value, node.source ?? "", octal);
        if (problem !== undefined) add(at(node), problem);
      }
      return undefined;
    },
    Pair(_key, { key, value }) {
      if (isScalar(key) && key.source === "<<" && key.type === "PLAIN" && !isMerged(value, document)) {
        add(at(key), "<<: expected an alias of a mapping, or a list of such aliases");
        return visit.SKIP;
      }
      if (isMap(key) || isSeq(key)) add(at(key), "a key is a string, not a mapping or a list");
      return undefined;
    },
  });
}

const jsonTags = ["!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq"];

function numberProblem(value: number, source: string, octal: boolean): string | undefined {
  if (!Number.isFinite(value)) return "infinity and NaN have no form in JSON";
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return "a number of so many digits cannot be kept exactly; put it in quotes";
  }
  if (octal || !/^[-+]?0\d+$/.test(source)) return undefined;
  return "a number that begins with 0 is octal for some readers of YAML and decimal for others; write 0o644 for an octal number, or put it in quotes";
}

function isMerged(value: unknown, document: Document): boolean {
  const target = isAlias(value) ? value.resolve(document) : value;
  return isMap(target) || (isSeq(target) && target.items.every((item) => !isSeq(item) && isMerged(item, document)));
}
