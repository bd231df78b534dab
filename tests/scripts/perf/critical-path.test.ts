import assert from "node:assert/strict";
import { longestChain, type TimedStep } from "../../../scripts/perf/critical-path";

const step = (urn: string, startedAt: number, endedAt: number, ...after: string[]): TimedStep => ({
  ...{ urn, label: urn, startedAt, endedAt, after },
});
const names = (steps: readonly TimedStep[]) => {
  const { ms, steps: chain } = longestChain(steps);
  return [ms, chain.map(({ urn }) => urn).join(" ")];
};

describe("the longest chain of dependent steps", () => {
  it("follows what each step needs, and not what came before it by chance", () => {
    const cluster = step("cluster", 0, 10);
    const slow = step("slow", 10, 40, "cluster");
    const quick = step("quick", 10, 15, "cluster");
    const last = step("last", 40, 45, "quick");
    assert.deepEqual(names([cluster, slow, quick, last]), [40, "cluster slow"]);
    assert.deepEqual(names([cluster, slow, quick, { ...last, after: ["quick", "slow"] }]), [45, "cluster slow last"]);
  });

  it("counts no waiting between two steps, which is what the ratio is to show", () => {
    assert.deepEqual(names([step("a", 0, 10), step("b", 50, 60, "a")]), [20, "a b"]);
  });

  it("passes over needs that were no steps, and is nothing where there are none", () => {
    assert.deepEqual(names([step("a", 0, 1, "a component")]), [1, "a"]);
    assert.deepEqual(names([]), [0, ""]);
  });
});
