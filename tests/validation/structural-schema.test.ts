import assert from "node:assert/strict";
import { schemaProblems, type StructuralSchema } from "../../components/validation/structural-schema";

function messages(schema: StructuralSchema, value: unknown): string[] {
  return [...schemaProblems(schema, value, [])].map(({ path, message }) => [...path, message].join(": "));
}

const cel = (rule: string): StructuralSchema => ({ "x-kubernetes-validations": [{ rule, message: "no" }] });

describe("a schema of a CRD", () => {
  const cases: readonly (readonly [
    what: string,
    schema: StructuralSchema,
    good: unknown,
    bad: unknown,
    message: string,
  ])[] = [
    ["types", { type: "integer" }, 1, 1.5, "found 1.5; expected a whole number"],
    ["null", { type: "string", nullable: true }, null, 5, "found 5; expected a string"],
    [
      "numbers or strings",
      { "x-kubernetes-int-or-string": true },
      "80%",
      1.5,
      "found 1.5; expected a whole number or a string",
    ],
    [
      "32 bits",
      { type: "integer", format: "int32" },
      2 ** 31 - 1,
      2 ** 31,
      "found 2147483648; expected a value of the format int32",
    ],
    ["bytes", { type: "string", format: "byte" }, "YQ==", "?", 'found "?"; expected a value of the format byte'],
    ["limits of numbers", { type: "integer", maximum: 5 }, 5, 6, "found 6; expected at most 5"],
    ["limits of lists", { type: "array", items: {}, minItems: 1 }, [1], [], "found 0 entries; expected at least 1"],
    ["limits of strings", { type: "string", maxLength: 1 }, "😀", "ab", "found 2 characters; expected at most 1"],
    ["patterns", { type: "string", pattern: "^a$" }, "a", "b", 'found "b"; expected it to match ^a$'],
    ["enums", { type: "string", enum: ["A"] }, "A", "B", 'found "B"; expected one of: A'],
    ["required fields", { type: "object", required: ["a"], properties: { a: {} } }, { a: 1 }, {}, "a: missing"],
    [
      "own keys only",
      { type: "object", properties: {} },
      {},
      { constructor: 1 },
      "constructor: unknown key; known: none",
    ],
    [
      "one of several fields",
      {
        type: "object",
        properties: { a: {}, b: {} },
        oneOf: [
          { not: { anyOf: [{ required: ["a"] }, { required: ["b"] }] } },
          { required: ["a"] },
          { required: ["b"] },
        ],
      },
      { a: 1 },
      { a: 1, b: 1 },
      "found a, b; expected at most one of: a, b",
    ],
    [
      "values of a mapping",
      { type: "object", additionalProperties: { type: "string" } },
      { x: "1" },
      { x: 1 },
      "x: found 1; expected a string",
    ],
    ["durations", cel("duration(self) >= duration('1ms')"), "1h30m", "1us", 'found "1us"; no'],
    [
      "ports as keys",
      cel("self.all(key, 0 < int(key) && int(key) <= 65535)"),
      { 80: 1 },
      { 0: 1 },
      "found a mapping; no",
    ],
    [
      "fields that exclude each other",
      cel("(has(self.a) ? 1 : 0) + (has(self.b) ? 1 : 0) <= 1"),
      { a: 1 },
      { a: 1, b: 1 },
      "found a mapping; no",
    ],
    ["addresses", cel('url(self).getScheme() in ["http", "https"]'), "https://a", "ftp://a", 'found "ftp://a"; no'],
  ];
  for (const [what, schema, good, bad, message] of cases) {
    it(`decides on ${what}`, () => {
      assert.deepEqual(messages(schema, good), []);
      assert.deepEqual(messages(schema, bad), [message]);
    });
  }
});
