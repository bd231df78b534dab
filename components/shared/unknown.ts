import { own } from "./own";
import type { SettingPath } from "./problem";

/**
 * Parts of the settings that could not be read, because they have a mistake of their own. Reading one throws, and ends
 * only the check that reads it: every other check of the stack file is still made, and none guesses.
 */

class UnknownValue extends Error {
  override readonly name = "UnknownValue";
}

/** Ends the current check: its result depends on something that could not be read. */
export function throwUnknown(): never {
  throw new UnknownValue("a setting that could not be read was used outside of a check");
}

/** Marks a field or list entry as one that could not be read. */
export function setUnknown(container: object, key: string | number): void {
  Object.defineProperty(container, key, { enumerable: true, configurable: true, get: throwUnknown });
}

/** The value that `read` returns, or undefined where it depends on something that could not be read. */
export function ifKnown<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof UnknownValue) return undefined;
    throw error;
  }
}

/** The value, where every part of it is known. */
export function allKnown<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null) Object.values(value).forEach(allKnown);
  return value;
}

/** Objects and lists in which an entry is missing, because not even its name could be read. */
const incomplete = new WeakSet<object>();

export function setIncomplete(container: object): void {
  incomplete.add(container);
}

/** Whether a name that is not in the object, or an entry that is not in the list, may be one that could not be read. */
export function isIncomplete(container: object): boolean {
  return incomplete.has(container);
}

/** What `reads` yield, each on its own: one that reads something unknown ends, the others go on. */
export function* runChecks<Result>(...reads: readonly (() => Iterable<Result>)[]): Iterable<Result> {
  for (const read of reads) {
    try {
      yield* read();
    } catch (error) {
      if (!(error instanceof UnknownValue)) throw error;
    }
  }
}

/** As runChecks, for every entry of the list or object at `path`. */
export function* checkEach<Value, Result>(
  values: readonly Value[] | Readonly<Record<string, Value>> | undefined,
  path: SettingPath,
  ...reads: readonly ((value: Value, path: SettingPath) => Iterable<Result>)[]
): Iterable<Result> {
  for (const [key, value] of knownEntries(values)) {
    yield* runChecks(...reads.map((read) => () => read(value, [...path, key])));
  }
}

/** The entries that could be read, each with its position or name. */
export function knownEntries<Value>(values: readonly Value[] | undefined): [position: number, value: Value][];
export function knownEntries<Value>(
  values: readonly Value[] | Readonly<Record<string, Value>> | undefined,
): [key: string | number, value: Value][];
export function knownEntries<Value>(values: readonly Value[] | Readonly<Record<string, Value>> = []): unknown[] {
  const keys = Array.isArray(values) ? [...values.keys()] : Object.keys(values);
  const container = values as Readonly<Record<string | number, Value>>;
  return keys.flatMap((key) => ifKnown(() => [[key, own(container, String(key))]]) ?? []);
}

/** The names of an object's entries, where none is missing. */
export function completeKeys(values: object): string[] {
  return isIncomplete(values) ? throwUnknown() : Object.keys(values);
}

/** A list of what `read` makes of each entry; an entry that cannot be made is unknown in the result too. */
export function mapKnown<Value, Result>(
  values: readonly Value[],
  read: (value: Value, index: number) => Result,
): Result[] {
  return readEntries([...values.keys()].map((index) => () => read(values[index] as Value, index)));
}

/** A list of what each function returns; where one reads something unknown, the entry is unknown. */
export function readEntries<Value>(readers: readonly (() => Value)[]): Value[] {
  const results: Value[] = [];
  for (const [index, read] of readers.entries()) setField(results, index, read);
  return results;
}

function setField(container: object, key: string | number, read: () => unknown): void {
  const field = ifKnown(() => ({ value: read() }));
  if (!field) return setUnknown(container, key);
  // Not by assignment, which would set the prototype for the key `__proto__`.
  const { value } = field;
  Object.defineProperty(container, key, { value, enumerable: true, writable: true, configurable: true });
}

/** One function for each entry of a list, which reads it; a single one, which cannot, where there is no list to read. */
export function entryReaders<Value>(list: () => readonly Value[] | undefined): (() => Value)[] {
  const known = ifKnown(() => ({ values: list() ?? [] }));
  return known ? [...known.values.keys()].map((index) => () => known.values[index] as Value) : [throwUnknown];
}

/** The entries of the list at `path`, by key. `complete`: no key is unknown. */
export function groupKnown<Value>(
  list: () => readonly Value[] | undefined,
  path: SettingPath,
  keyOf: (value: Value) => string,
) {
  const groups = new Map<string, { readonly path: SettingPath; readonly settings: Value }[]>();
  let complete = true;
  for (const [index, read] of entryReaders(list).entries()) {
    const key = ifKnown(() => keyOf(read()));
    if (key === undefined) complete = false;
    else groups.set(key, [...(groups.get(key) ?? []), { path: [...path, index], settings: read() }]);
  }
  return { groups, complete };
}

/** A field that cannot be read is unknown in the result too. */
export function knownFields<Fields extends object>(read: {
  readonly [Key in keyof Fields]: () => Fields[Key];
}): Fields {
  const result: Partial<Fields> = {};
  for (const key of Object.keys(read) as (keyof Fields & string)[]) {
    setField(result, key, read[key]);
    if (ifKnown(() => result[key] === undefined) === true) delete result[key];
  }
  return result as Fields;
}

/** A copy with a further field, in which what is unknown stays unknown. */
export function copyWithField<Value extends object, Key extends string, Field>(
  value: Value,
  key: Key,
  read: () => Field,
): Value & Record<Key, Field> {
  const copy = Object.defineProperties({}, Object.getOwnPropertyDescriptors(value));
  setField(copy, key, read);
  return copy as Value & Record<Key, Field>;
}
