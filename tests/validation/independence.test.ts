import assert from "node:assert/strict";
import path from "node:path";
import fc from "fast-check";
import { formatPath, type SettingPath, SettingsError } from "../../components/shared/problem";
import { validate } from "../../components/validation/validate";
import { readStackFile, root } from "../settings/stack-files";

/**
 * Two mistakes in different places are both reported: the message for both has every line of the message for each. A line
 * may be missing only if its check depends on the value in the other place, which is wrong. Whether it does is found by
 * removing that value, and by another value: a line that disappears both times depends on it.
 */

const seed = 20_251;

type Sections = Readonly<Record<string, unknown>>;

interface Mutation {
  readonly path: SettingPath;
  readonly what: string;
  readonly apply: (value: unknown) => unknown;
}

/** Ways to make a value wrong: by its type, by its meaning, or by its key. */
const mutations: readonly Pick<Mutation, "what" | "apply">[] = [
  { what: "a mapping", apply: () => ({ nonsense: ["value"] }) },
  { what: "a list", apply: () => [[]] },
  { what: "an unknown key", apply: (value) => (isMapping(value) ? { ...value, nonsense: 1 } : -1) },
  { what: "another string", apply: (value) => (typeof value === "string" ? `${value}x` : `x${String(value)}`) },
  {
    what: "a repetition",
    apply: (value) => (Array.isArray(value) ? (value as unknown[]).flatMap((entry) => [entry, entry]) : ""),
  },
  { what: "an empty value", apply: (value) => (Array.isArray(value) ? [] : isMapping(value) ? {} : "") },
  { what: "another number", apply: (value) => (typeof value === "number" ? value * 2 + 1 : 70_000) },
  { what: "a file", apply: (value) => (Array.isArray(value) ? ["@nowhere.yaml"] : "@nowhere.yaml") },
  { what: "the opposite", apply: (value) => (typeof value === "boolean" ? !value : null) },
];

/** A value of the same type, which the schema mostly accepts. */
function anotherValue(value: unknown): unknown {
  if (typeof value === "string") return `${value}x`;
  if (typeof value === "number") return value + 1;
  if (typeof value === "boolean") return !value;
  return Array.isArray(value) ? value.slice(1) : {};
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Every field of a mapping, at any depth, but for the inside of patches, which may be anything. */
function* fieldsOf(value: unknown, at: SettingPath = []): Iterable<SettingPath> {
  if (Array.isArray(value)) {
    for (const [index, entry] of value.entries()) yield* fieldsOf(entry, [...at, index]);
  } else if (isMapping(value)) {
    for (const [key, entry] of Object.entries(value)) {
      yield [...at, key];
      if (!["patches", "networkInterfaces", "documents"].includes(key)) yield* fieldsOf(entry, [...at, key]);
    }
  }
}

function changed(sections: Sections, at: SettingPath, change: (value: unknown) => unknown): Sections {
  const copy = structuredClone(sections) as Record<string | number, unknown>;
  let parent = copy;
  for (const key of at.slice(0, -1)) parent = parent[key] as Record<string | number, unknown>;
  const last = at.at(-1) ?? "";
  const value = change(parent[last]);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return copy;
}

function linesFor(sections: Sections, secretNames: readonly string[]): readonly string[] {
  try {
    validate(sections, { secretNames });
    return [];
  } catch (error) {
    assert.ok(error instanceof SettingsError, String((error as Error).stack));
    return error.problems.map(({ path: at, message }) => `${formatPath(at)}: ${message}`);
  }
}

function contains(outer: SettingPath, inner: SettingPath): boolean {
  return outer.every((key, depth) => inner[depth] === key);
}

const files = [
  "Pulumi.dev.yaml",
  "Pulumi.article.yaml",
  "Pulumi.staging.yaml",
  "Pulumi.production.yaml",
  "tests/fixtures/good/ambient.yaml",
  "tests/fixtures/good/policies-everything.yaml",
  "tests/fixtures/good/gateways-gateway-api.yaml",
];

describe("independent mistakes", () => {
  for (const file of files) {
    it(`are all reported: ${file}`, () => {
      const { sections, secretNames } = readStackFile(path.join(root, file));
      const places = [...fieldsOf(sections)];
      const mutation = fc
        .tuple(fc.constantFrom(...places), fc.constantFrom(...mutations))
        .map(([at, how]): Mutation => ({ path: at, ...how }));
      fc.assert(
        fc.property(mutation, mutation, (one, other) => {
          fc.pre(!contains(one.path, other.path) && !contains(other.path, one.path));
          const withOne = changed(sections, one.path, one.apply);
          const both = linesFor(changed(withOne, other.path, other.apply), secretNames);
          const otherwise = [() => undefined, anotherValue].map((change) =>
            linesFor(changed(withOne, other.path, change), secretNames),
          );
          for (const line of linesFor(withOne, secretNames)) {
            if (both.includes(line) || !otherwise.some((lines) => lines.includes(line))) continue;
            assert.fail(`${line}\nis missing next to ${other.what} at ${formatPath(other.path)}:\n${both.join("\n")}`);
          }
        }),
        { seed: Number(process.env.SEED ?? seed), numRuns: Number(process.env.RUNS ?? 20) },
      );
    });
  }
});
