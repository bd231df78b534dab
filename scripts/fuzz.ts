import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { declare, UsageError } from "../cli/command";
import { renderHost } from "../cli/render/documents";
import { stackReferenceOf } from "../components/model/layers";
import type { Model } from "../components/model/model";
import { Random } from "../components/shared/random";
import { isTree, type Tree } from "../components/shared/merge";
import { messageOf, SettingsError, StackFileError } from "../components/shared/problem";
import { parseYaml } from "../components/shared/yaml";
import { readStack } from "../components/validation/stack";
import { runProgram } from "../embedded/program/run-program";
import { own } from "../components/shared/own";
import { objectFault } from "./fuzz/object-fault";

const root = path.resolve(__dirname, "..");

export const command = declare({
  name: "fuzz",
  summary: "change stack files at random, and report each error that is not a message about the settings",
  options: {
    seconds: { value: "n", text: "how long", default: "60", parse: wholeNumber },
    seed: { value: "n", text: "the same seed makes the same stack files", default: "1", parse: wholeNumber },
  },
  async run({ seconds, seed }) {
    const { tried, accepted, faults } = await fuzz(seed, seconds * 1000);
    for (const { fault, stackFile } of faults) console.log(`${fault}\n--- for the stack file\n${stackFile}\n---\n`);
    console.log(`${tried} stack files, of which ${accepted} were accepted; ${faults.length} faults`);
    return faults.length === 0 ? 0 : 1;
  },
});

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError("expected a whole number");
}

interface FuzzResult {
  readonly tried: number;
  readonly accepted: number;
  readonly faults: readonly { readonly fault: string; readonly stackFile: string }[];
}

/** Reads changed stack files, and runs the program with accepted ones for at most half of the time. */
export async function fuzz(seed: number, forMs: number): Promise<FuzzResult> {
  const random = new Random(seed);
  const originals = readOriginals();
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-fuzz-"));
  const file = path.join(folder, "Pulumi.fuzz.yaml");
  const faults: { fault: string; stackFile: string }[] = [];
  const start = Date.now();
  let [tried, accepted, programMs] = [0, 0, 0];
  try {
    while (Date.now() - start < forMs) {
      const stackFile = changedStackFile(originals, random);
      writeFileSync(file, stackFile);
      tried += 1;
      const begun = Date.now();
      const result = faultIn(() => readStack(root, file));
      const ms = Date.now() - begun;
      const fault = result.fault ?? (ms > 10_000 ? `took ${ms} ms` : undefined);
      if (fault !== undefined) faults.push({ fault, stackFile });
      if (!result.accepted) continue;
      accepted += 1;
      if (!result.isWhole || programMs > (Date.now() - start) / 2) continue;
      const programStart = Date.now();
      const failure = await programFault(file);
      if (failure !== undefined) faults.push({ fault: failure, stackFile });
      programMs += Date.now() - programStart;
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return { tried, accepted, faults };
}

export function readOriginals(): Original[] {
  return stackFiles().map((file) => {
    const text = readFileSync(file, "utf8");
    const { config } = parseYaml(text).values[0] as { readonly config: Tree };
    return { text, config, places: [...placesIn(config)] };
  });
}

function stackFiles(): string[] {
  const inFolder = (folder: string) =>
    readdirSync(path.join(root, folder))
      .filter((name) => /\.yaml$/.test(name) && (folder !== "." || /^Pulumi\..+\.yaml$/.test(name)))
      .map((name) => path.join(root, folder, name));
  return [...inFolder("."), ...inFolder("tests/fixtures/good")];
}

interface ReadResult {
  readonly accepted: boolean;
  /** Whether it can be rendered on its own: one whose cluster is in another stack needs that one's stack file. */
  readonly isWhole?: boolean;
  readonly fault?: string;
}

function faultIn(read: () => Model): ReadResult {
  try {
    return { accepted: true, isWhole: stackReferenceOf(read().settings.cluster) === undefined };
  } catch (error) {
    if (!(error instanceof SettingsError) && !(error instanceof StackFileError)) {
      return { accepted: false, fault: stackOf(error) };
    }
    const [, ...lines] = error.message.split("\n");
    const odd = lines.find((line) => !/^ {2}\S/.test(line) || /\[object |\bundefined\b|\bNaN\b/.test(line));
    return { accepted: false, ...(odd !== undefined && { fault: `not a message of one line: ${odd}` }) };
  }
}

function stackOf(error: unknown): string {
  return (error instanceof Error && error.stack) || messageOf(error);
}

/** A stack file that is accepted can be rendered, and the API server takes its objects and their names. */
async function programFault(configFile: string): Promise<string | undefined> {
  const run = { projectRoot: root, stack: "fuzz", configFile, host: renderHost, preview: true, render: true };
  try {
    const fault = objectFault((await runProgram({ ...run, onWarning: () => undefined })).registrations);
    return fault && `accepted, and then ${fault}`;
  } catch (error) {
    return `accepted, and then: ${stackOf(error)}`;
  }
}

export interface Original {
  readonly text: string;
  readonly config: Tree;
  readonly places: readonly Position[];
}

function pickerOf(random: Random) {
  return <T>(items: readonly T[]) => items[random.below(items.length)] as T;
}

/** Most are changed in one to three values; every tenth is changed as text. */
function changedStackFile(originals: readonly Original[], random: Random): string {
  const pick = pickerOf(random);
  const original = pick(originals);
  if (random.below(10) === 0) {
    const at = random.below(original.text.length);
    return original.text.slice(0, at) + pick(insertions) + original.text.slice(at + pick([0, 0, 1, 5]));
  }
  return stringify({ config: changedConfig(original, originals, random) }, { aliasDuplicateObjects: false });
}

/** A configuration in which one to three values are changed. */
export function changedConfig(original: Original, originals: readonly Original[], random: Random): Tree {
  const pick = pickerOf(random);
  const config = structuredClone(original.config);
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const places = [...placesIn(config)];
    if (places.length === 0) break;
    const { parent, key } = pick(places);
    const sameKey = originals.flatMap((other) => other.places.filter((place) => place.key === key));
    const change = random.below(6);
    if (change === 0) remove(parent, key);
    else if (change === 1 && isTree(parent)) rename(parent, String(key), pick(names));
    else if (change === 2 && sameKey.length > 0) {
      const from = pick(sameKey);
      set(parent, key, structuredClone(valueAt(from.parent, from.key)));
    } else if (change === 3 && Array.isArray(parent)) parent.push(structuredClone(valueAt(parent, key)));
    else set(parent, key, structuredClone(pick(values)));
  }
  return config;
}

const names = [
  "constructor",
  "__proto__",
  "toString",
  "",
  " ",
  "a b",
  "x".repeat(260),
  "A",
  "-",
  "é",
  "1",
  "<<",
  "a\nb",
  // Names of objects that other settings create.
  ...["waypoint", "reviews-v1", "ingress-istio", "istio-ingress", "kubernetes", "default", "envoy"],
];

const values: readonly unknown[] = [
  ...names,
  ...[null, true, false, 0, 1, -1, 1.5, 70_000, 2 ** 31, 1e21, [], {}, [null], { a: null }, [[]], { constructor: 1 }],
  ...[
    "0s",
    "1ns",
    "0",
    "-1",
    "*",
    "/",
    "//",
    "{}",
    "[",
    "(",
    "${x}",
    "{{ x }}",
    "a:b",
    "a=b",
    "a,b",
    "::1",
    "10.0.0.0/8",
  ],
  ...[
    "99999h",
    "1h30m",
    "5xx",
    "1e3",
    "a b:NoSchedule",
    "100%",
    "https://a:0",
    "1.31",
    "1.31.1",
    "v1.31.1",
    "100Mi",
    "http://",
    "ftp://x/y",
    "reviews",
    "ingress",
    "v1",
    "x".repeat(5000),
  ],
];

const insertions = [
  "\t",
  "\n",
  ":",
  "- ",
  "{",
  "]",
  "*x",
  "&x ",
  "!!set ",
  "0",
  "'",
  '"',
  "#",
  "<<: ",
  "? ",
  "\u0000",
  "| ",
  "---\n",
];

interface Position {
  readonly parent: unknown[] | Record<string, unknown>;
  readonly key: string | number;
}

function* placesIn(value: unknown): Iterable<Position> {
  const parent = value as Position["parent"];
  const keys = Array.isArray(value) ? [...value.keys()] : isTree(value) ? Object.keys(value) : [];
  for (const key of keys) {
    yield { parent, key };
    yield* placesIn(valueAt(parent, key));
  }
}

function valueAt(parent: Position["parent"], key: string | number): unknown {
  return own(parent as Readonly<Record<string, unknown>>, String(key));
}

function set(parent: Position["parent"], key: string | number, value: unknown): void {
  Object.defineProperty(parent, key, { value, enumerable: true, configurable: true, writable: true });
}

function remove(parent: Position["parent"], key: string | number): void {
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else Reflect.deleteProperty(parent, key);
}

function rename(parent: Position["parent"], key: string, name: string): void {
  const value = valueAt(parent, key);
  remove(parent, key);
  set(parent, name, value);
}
