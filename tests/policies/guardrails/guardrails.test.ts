import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { guardrailIds } from "../../../policies/guardrails/ids";
import { exampleMessages, guardrailPage } from "../../../policies/guardrails/page";
import { guardrails } from "../../../policies/guardrails/registry";

describe("guardrails", () => {
  for (const guardrail of guardrails) {
    it(`${guardrail.id}: passes its passing example, and names what is wrong in its failing one`, () => {
      assert.deepEqual(exampleMessages(guardrail, guardrail.passing), []);
      const messages = exampleMessages(guardrail, guardrail.failing);
      const judged = guardrail.failing.resources?.length ?? 0;
      assert.ok(messages.length >= Math.max(1, guardrail.scope === "resource" ? judged : 1), messages.join("\n"));
    });
  }

  it("have the names that exceptions may use, in the same order", () => {
    assert.deepEqual(
      guardrails.map(({ id }) => id),
      guardrailIds,
    );
  });

  it("are documented in docs/guardrails.md", () => {
    const page = readFileSync(path.resolve(__dirname, "../../../docs/guardrails.md"), "utf8");
    assert.equal(page, guardrailPage(), "npm run policies -- guardrails");
  });
});
