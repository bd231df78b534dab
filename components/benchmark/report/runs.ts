import type { RunRecord } from "../measure/record";
import type { BenchmarkPlan, Scenario } from "../plan/plan";

/** How many of its runs an arm has lost in a scenario: not made, or with problems also where they were made again. */
export function lostRuns(
  { blocks }: Pick<BenchmarkPlan, "blocks">,
  runs: readonly RunRecord[],
  arm: string,
  scenario: Scenario,
): number {
  const counted = runs.filter((run) => run.arm === arm && run.scenario === scenario && run.problems.length === 0);
  return blocks - new Set(counted.map(({ block }) => block)).size;
}
