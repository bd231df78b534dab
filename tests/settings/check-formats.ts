import assert from "node:assert/strict";
import Ajv from "ajv";
import { z } from "zod";

/** A schema by its name, with values that it takes and values that it refuses. */
export type Formats = Readonly<
  Record<string, readonly [z.core.$ZodType, good: readonly unknown[], bad: readonly unknown[]]>
>;

export function checkFormats(formats: Formats): void {
  for (const [name, [schema, good, bad]] of Object.entries(formats)) {
    it(`${name}: the parser and the JSON Schema take the same values`, () => {
      const json = z.toJSONSchema(schema, { io: "input", target: "draft-7" });
      const validate = new Ajv({ strict: false, validateFormats: false }).compile(json);
      for (const [values, expected] of [
        [good, true],
        [bad, false],
      ] as const) {
        for (const value of values) {
          const found = [z.safeParse(schema, value).success, validate(value)];
          assert.deepEqual(found, [expected, expected], `${JSON.stringify(value)} (parser, JSON Schema)`);
        }
      }
    });
  }
}
