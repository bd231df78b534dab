import assert from "node:assert/strict";
import { halfYear } from "../../../components/cluster/talos/steps";

describe("the half-year of a kubeconfig", () => {
  it("changes in January and July and at no other time", () => {
    const at = (month: number, day: number) => halfYear(new Date(Date.UTC(2026, month - 1, day, 12)));
    assert.deepEqual([at(1, 1), at(6, 30)], ["2026-1", "2026-1"]);
    assert.deepEqual([at(7, 1), at(12, 31)], ["2026-2", "2026-2"]);
    assert.equal(halfYear(new Date(Date.UTC(2027, 0, 1))), "2027-1");
  });

  it("leaves every certificate at least half of its year", () => {
    const day = 24 * 3600 * 1000;
    for (let made = Date.UTC(2026, 0, 1); made < Date.UTC(2028, 0, 1); made += day) {
      let next = made;
      while (halfYear(new Date(next)) === halfYear(new Date(made))) next += day;
      assert.ok(next - made < 185 * day, new Date(made).toISOString());
    }
  });
});
