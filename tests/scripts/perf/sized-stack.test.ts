import assert from "node:assert/strict";
import { sizedStack } from "../../../scripts/perf/sized-stack";
import { runStack } from "../../support/program";
import { writeStackFile } from "../../embedded/program/stack-files";

describe("the generated stacks of npm run perf", () => {
  it("are the same each time", () => {
    assert.equal(sizedStack(25), sizedStack(25));
  });

  it("hold a route, a split and a rule for every service", async () => {
    const run = await runStack({ stack: "perf", configFile: writeStackFile(sizedStack(25)) });
    for (const type of ["VirtualService", "DestinationRule"]) assert.equal(run.byType(type).length, 25, type);
    const rules = run.byType("AuthorizationPolicy").filter(({ name }) => name.includes("service-"));
    assert.equal(rules.length, 25);
  });
});
