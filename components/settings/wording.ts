import { withoutSecrets } from "../shared/problem";

/** Names of types, of zod and of JSON Schema. */
export const typeNames: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  integer: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping",
  record: "a mapping",
};

/** The kind of a value, without the value: what is in the wrong place may be a password. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return Object.hasOwn(value, "secure") ? "a secret" : "a mapping";
  return { string: "a string", number: "the number", boolean: "the value" }[typeof value as string] ?? typeof value;
}

/** The same for what may be a secret, of which not even the kind of a number is followed by its value. */
export function typeOf(value: unknown): string {
  if (value === "") return "an empty string";
  return typeof value === "number" || typeof value === "boolean" ? `a ${typeof value}` : kindOf(value);
}

/** A value as a message shows it: short, and on one line. */
export function shown(value: unknown): string {
  if (typeof value === "string") {
    const text = JSON.stringify(withoutSecrets(value));
    return text.length > 62 ? `${text.slice(0, 60)}..."` : text;
  }
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return kindOf(value);
}

/** A value that is too small or too big: its length, or the number itself. */
export function shownSize(value: unknown): string {
  if (Array.isArray(value)) return `${value.length} entries`;
  if (typeof value === "string") return value === "" ? "an empty string" : `${value.length} characters`;
  return typeof value === "object" && value !== null ? `${Object.keys(value).length} keys` : shown(value);
}

/** Number of letters to insert, delete, change or swap with a neighbour to make `a` into `b`. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, (beforeLast[column - 2] ?? 0) + 1);
      }
      current[column] = cost;
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}

/** Of a condition: `notPorts` is never a slip of `ports`, and means what the other does not. */
function isOpposite(name: string): boolean {
  return /^not[A-Z]/.test(name);
}

/** The known name that was probably meant, or undefined where none is similar. The first of equals wins. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.floor(name.length / 3) + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= bestDistance || isOpposite(candidate) !== isOpposite(name))
      continue;
    const distance = editDistance(lower, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

export function listOf(names: readonly string[]): string {
  if (names.length === 0) return "none";
  const most = 20;
  // "and 1 more" would be as long as the name.
  if (names.length <= most + 1) return names.join(", ");
  return `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
}

/** A mesh of a thousand services with a mistake in each must not compare a million names. */
const mostCompared = 200;

/** A hint for an unknown name: the one that was meant, or the known ones. */
export function suggestion(name: string, known: readonly string[]): string {
  const near = known.length > mostCompared ? undefined : nearest(name, known);
  return near === undefined ? `known: ${listOf(known)}` : `did you mean ${near}?`;
}
