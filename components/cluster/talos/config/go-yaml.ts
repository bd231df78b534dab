/** What a Go struct or map with `omitempty` fields may hold. */
export type GoValue =
  string | number | boolean | undefined | null | readonly GoValue[] | { readonly [key: string]: GoValue };
export type GoMap = { readonly [key: string]: GoValue };

/**
 * YAML byte for byte as Go's yaml package writes a map: four spaces a level, list items indented, no line wrapped,
 * quotes only where a reader would take a text for something else. Two systems that hash YAML agree by this alone.
 *
 * Source: go.yaml.in/yaml, encode.go and emitterc.go.
 */
export function goYaml(map: GoMap): string {
  return writeMap(map, 0, 0);
}

const step = 4;

function indentation(depth: number): string {
  return " ".repeat(depth);
}

/** A map's lines; the first is indented by `first`, so that a list item can begin with it. */
function writeMap(map: GoMap, depth: number, first: number): string {
  const entries = Object.entries(map).filter(([, value]) => value !== undefined);
  return entries
    .map(
      ([key, value], index) =>
        `${indentation(index === 0 ? first : depth)}${scalar(key, depth)}:${after(value, depth)}`,
    )
    .join("");
}

/** What stands behind a key's colon, to the end of the value's last line. */
function after(value: GoValue, depth: number): string {
  const inner = depth + step;
  if (isList(value)) return value.length === 0 ? " []\n" : `\n${value.map((item) => listItem(item, inner)).join("")}`;
  if (isMap(value)) return isEmpty(value) ? " {}\n" : `\n${writeMap(value, inner, inner)}`;
  return ` ${scalar(value, depth)}\n`;
}

function listItem(item: GoValue, depth: number): string {
  const dash = `${indentation(depth)}- `;
  if (isList(item)) {
    // A list in a list begins on the same line.
    return item.length === 0
      ? `${dash}[]\n`
      : dash +
          item
            .map((one) => listItem(one, depth + 2))
            .join("")
            .trimStart();
  }
  if (isMap(item)) return isEmpty(item) ? `${dash}{}\n` : dash + writeMap(item, depth + 2, 0);
  return `${dash}${scalar(item, depth)}\n`;
}

function scalar(value: string | number | boolean | null | undefined, depth: number): string {
  if (typeof value !== "string") return String(value ?? null);
  if (value.includes("\n") && canBeBlock(value)) return block(value, depth);
  if (value.includes("\n") || readsAsOther(value)) return doubleQuoted(value);
  if (canBePlain(value)) return value;
  return canBeSingleQuoted(value) ? `'${value.replaceAll("'", "''")}'` : doubleQuoted(value);
}

/** Words that YAML 1.1 or 1.2 reads as a boolean, nothing, a number or a merge. */
const words = /^(|~|null|true|false|y|yes|on|n|no|off|<<|[-+]?\.inf|\.nan)$/i;
const numbers = [
  /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)(e[-+]?[0-9]+)?$/i,
  /^[-+]?0(x[0-9a-f]+|o?[0-7]+|b[01]+)$/i,
  /^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$/, // sexagesimal
];
const timestamp =
  /^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]+)?([Zz]|[-+][0-9:]+)?)?$/;

function readsAsOther(value: string): boolean {
  if (words.test(value)) return isReservedCase(value);
  const digits = /^[-+.]?[0-9]/.test(value) ? value.replaceAll("_", "") : value;
  return numbers.some((number) => number.test(digits) || number.test(value)) || timestamp.test(value);
}

/** Lower case, upper case and capitals are reserved; `nULL` is a text. */
function isReservedCase(value: string): boolean {
  const [head = "", ...tail] = value.replace(/^[-+]?\.?/, "");
  const rest = tail.join("");
  if (/nan/i.test(value)) return [".nan", ".NaN", ".NAN"].includes(value);
  return rest === rest.toLowerCase() || (head + rest).toUpperCase() === head + rest;
}

function canBePlain(value: string): boolean {
  if (/^\s|\s$/.test(value) || /^(---|\.\.\.)/.test(value)) return false;
  if (/^[#,[\]{}&*!|>'"%@`]/.test(value) || /^[-?:](\s|$)/.test(value)) return false;
  return !/:(\s|$)|\s#/.test(value) && canBeSingleQuoted(value);
}

function canBeSingleQuoted(value: string): boolean {
  return !value.includes("\t") && isPrintable(value);
}

function canBeBlock(value: string): boolean {
  return !/ $/.test(value) && !/ \n/.test(value) && isPrintable(value.replaceAll(/[\t\n]/g, ""));
}

/** No control characters and no byte-order mark. */
function isPrintable(value: string): boolean {
  return !/[\p{Cc}\uFEFF\uFFFE\uFFFF\u2028\u2029]/u.test(value);
}

function block(value: string, depth: number): string {
  const hint = /^[ \n]/.test(value) ? String(step) : "";
  const chomp = !value.endsWith("\n") ? "-" : value.endsWith("\n\n") || value === "\n" ? "+" : "";
  const body = value.replace(/\n$/, "").split("\n");
  return [`|${hint}${chomp}`, ...body.map((line) => (line === "" ? "" : indentation(depth + step) + line))].join("\n");
}

function doubleQuoted(value: string): string {
  const short: Record<string, string> = {
    "\n": "\\n",
    "\t": "\\t",
    "\r": "\\r",
    '"': '\\"',
    "\\": "\\\\",
    "\0": "\\0",
  };
  return `"${value.replaceAll(/["\\\p{Cc}\uFEFF\u2028\u2029]/gu, (character) => short[character] ?? escape(character))}"`;
}

function escape(character: string): string {
  const code = character.charCodeAt(0);
  const named: Record<number, string> = { 7: "\\a", 8: "\\b", 11: "\\v", 12: "\\f", 27: "\\e", 0x85: "\\N" };
  if (code === 0x2028) return "\\L";
  if (code === 0x2029) return "\\P";
  const hex = code.toString(16).toUpperCase();
  return named[code] ?? (code < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`);
}

function isList(value: GoValue): value is readonly GoValue[] {
  return Array.isArray(value);
}

function isMap(value: GoValue): value is GoMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isEmpty(map: GoMap): boolean {
  return Object.values(map).every((value) => value === undefined);
}
