/** Where a setting is: the section's name, then keys and list positions. */
export type SettingPath = readonly (string | number)[];

/** One mistake: where it is, what was found and what is expected. The message never holds a secret. */
export interface Problem {
  readonly path: SettingPath;
  readonly message: string;
}

/** What is wrong with a value: a message, several, or messages of its fields or of its entries, at any depth. */
export type Refusal =
  | string
  | false
  | undefined
  | readonly Refusal[]
  | ReadonlyMap<number, Refusal>
  | { readonly [field: string]: Refusal };

/** A refusal of the entries of a list. */
export function refusalOfEach<Value>(values: readonly Value[] = [], refusal: (value: Value) => Refusal): Refusal {
  return new Map(values.map((value, index) => [index, refusal(value)]));
}

export function problemsOf(refusal: Refusal, path: SettingPath): Problem[] {
  if (typeof refusal === "string") return [{ path, message: refusal }];
  if (Array.isArray(refusal)) return refusal.flatMap((one: Refusal) => problemsOf(one, path));
  if (isMap(refusal)) return [...refusal].flatMap(([index, one]) => problemsOf(one, [...path, index]));
  return Object.entries(refusal || {}).flatMap(([field, inner]) => problemsOf(inner, [...path, field]));
}

function isMap(refusal: Refusal): refusal is ReadonlyMap<number, Refusal> {
  return refusal instanceof Map;
}

export interface Place {
  /** As messages show it: `Pulumi.dev.yaml`. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Of this project's configuration keys. */
export const namespace = "talos-mesh";

/** A path as a stack file writes it: `talos-mesh:traffic.services[0].http[1].route`. */
export function formatPath(path: SettingPath): string {
  const [section = "", ...rest] = path;
  const isName = (key: string) => /^[A-Za-z_][-A-Za-z0-9_]*$/.test(key);
  const keys = rest.map((key) => {
    if (typeof key === "number") return `[${key}]`;
    return isName(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
  });
  return `${namespace}:${section === "" || isName(String(section)) ? section : JSON.stringify(section)}${keys.join("")}`;
}

/** Whether it is the setting at `start`, or one below it. */
export function isWithin(path: SettingPath, start: SettingPath): boolean {
  return start.every((key, at) => path[at] === key);
}

/** A value as a message may repeat it: without the login of an address, and without what follows the title of a PEM block. */
export function withoutSecrets(text: string): string {
  return text
    .replace(/(-----BEGIN [A-Z ]+-----)(?!\.\.\.)[^]*/, "$1...")
    .replaceAll(/(^|[\s"])(\w+:\/\/)?[^\s"/@:]+:(?!\/\/)[^\s"@]*@(?!sha256:)/g, "$1$2...@")
    .replaceAll(/\/\/[^\s"/@]*@/g, "//...@");
}

/** A value may have line breaks and any length, and a message repeats values. */
function oneLine(text: string): string {
  return text
    .replaceAll(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1))
    .replaceAll(/[^\s;]{120,}/g, (long) => `${long.slice(0, 80)}...`);
}

export interface Entry {
  readonly path: SettingPath;
  readonly key: string | number;
  /** Where it must be the only one. @default the list, or the part of it that `depth` names */
  readonly within?: string;
}

/** Keys that appear more than once, in the whole list or under each beginning of a path of `depth` keys. */
export function* duplicates(entries: Iterable<Entry>, what: string, depth = 0): Iterable<Problem> {
  const first = new Map<string, SettingPath>();
  for (const { path, key, within } of entries) {
    const id = JSON.stringify([...path.slice(0, depth), within, key]);
    const earlier = first.get(id);
    if (earlier)
      yield { path, message: `${what} ${key} already exists, at ${shortPath(earlier)}; change or remove one of them` };
    else first.set(id, path);
  }
}

/** A path without the namespace of configuration keys: `traffic.services[0].subsets[1]`. */
export function shortPath(path: SettingPath): string {
  return formatPath(path).slice(namespace.length + 1);
}

/** An error that the user can act on: its message is all that is printed. */
export class UserError extends Error {
  override readonly name: string = "UserError";

  get userMessage(): string {
    return this.message;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Several errors of one run, none the cause of another. */
export class SeveralErrors extends UserError {
  override readonly name = "SeveralErrors";

  constructor(readonly errors: readonly unknown[]) {
    super(errors.map(messageOf).join("\n"));
  }
}

export function problemList(lines: readonly string[], where: string): string {
  const count = lines.length === 1 ? "1 problem" : `${lines.length} problems`;
  return [`${count} in ${where}:`, ...lines.map((line) => `  ${line}`)].join("\n");
}

export interface Origin extends Partial<Pick<Place, "file">> {
  readonly stack?: string;
}

export class SettingsError extends UserError {
  override readonly name = "SettingsError";

  constructor(
    readonly problems: readonly Problem[],
    { stack, file }: Origin = {},
    placeOf: (path: SettingPath) => Place | undefined = () => undefined,
  ) {
    const lines = problems.map(({ path, message }) => {
      const place = placeOf(path);
      return `${place ? `${place.file}:${place.line}: ` : ""}${oneLine(`${formatPath(path)}: ${withoutSecrets(message)}`)}`;
    });
    super(problemList(lines, file ?? (stack === undefined ? "the settings" : `the settings of stack ${stack}`)));
  }
}

/** A stack file that cannot be read: it does not exist, is not YAML, or has another form than the Pulumi CLI takes. */
export class StackFileError extends UserError {
  override readonly name = "StackFileError";
}
