import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { probesOf } from "../../components/verification/probes/registry";
import { linesOf, stackPlan } from "./probes/plans";

const golden = path.join(__dirname, "article-probes.txt");
const update = process.env.UPDATE_GOLDEN === "1";

describe("the probes of the article's stack", () => {
  const lines = () => probesOf(stackPlan("article")).flatMap(linesOf);

  before(() => {
    assert.ok(!(update && process.env.CI), "UPDATE_GOLDEN rewrites the golden file: unset it in CI");
  });

  it("are those of article-probes.txt", () => {
    const text = `${lines().join("\n")}\n`;
    if (update) writeFileSync(golden, text);
    assert.equal(
      text,
      readFileSync(golden, "utf8"),
      "after a wanted change: UPDATE_GOLDEN=1, and review the difference",
    );
  });

  it("have names of their own", () => {
    const names = probesOf(stackPlan("article")).map(({ name }) => name);
    assert.deepEqual(
      names.filter((name, index) => names.indexOf(name) !== index),
      [],
    );
  });
});
