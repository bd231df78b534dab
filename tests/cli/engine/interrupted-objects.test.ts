import assert from "node:assert/strict";
import { runStack } from "../../support/program";

describe("the embedded cluster's provider", () => {
  it("takes over objects that a killed run has made and recorded nowhere", async () => {
    const provider = (await runStack({ stack: "dev" })).one("pulumi:providers:kubernetes");
    // Inputs of providers are strings on the wire.
    assert.equal(String(provider.inputs.upsertExistingObjects), "true");
  });
});
