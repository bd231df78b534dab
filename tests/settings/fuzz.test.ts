import assert from "node:assert/strict";
import { fuzz } from "../../scripts/fuzz";

describe("changed stack files", () => {
  it("are accepted and rendered, or refused with messages about the settings", async function () {
    this.timeout(120_000);
    const { tried, accepted, faults } = await fuzz(7, 10_000);
    assert.deepEqual(faults, []);
    // Otherwise the changes no longer test anything.
    assert.ok(accepted >= 1 && tried - accepted >= 10, `${accepted} of ${tried} were accepted`);
  });
});
