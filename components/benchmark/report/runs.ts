import type { RunRecord } from "../measure/record";
import { hasSchedule } from "../plan/arm";
import type { BenchmarkPlan, Scenario } from "../plan/plan";
import type { Report } from "./report";

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

/** What became of the runs of a scenario. */
interface RunsOfScenario {
  readonly scenario: Scenario;
  readonly planned: number;
  readonly counted: number;
  /** Made, and with problems also where they were made again. */
  readonly lost: number;
  /** Made a second time, as something else had spoilt them. */
  readonly again: number;
  /** Of the runs that count, shares of their processors that the hosts of the two nodes gave to others. */
  readonly stolen: { readonly client: readonly number[]; readonly server: readonly number[] };
  /** Of those at a fixed rate, shares of its node's processors that the load generator took; fewer where counters are missing. */
  readonly clientShares: readonly number[];
  readonly atFixedRate: number;
}

export function runsByScenario({
  plan,
  runs,
  environment,
}: Pick<Report, "plan" | "runs" | "environment">): RunsOfScenario[] {
  const { clientNode, serverNode } = environment;
  const clientNodes = plan.arms
    .filter(hasSchedule)
    .map(({ id, placement }) => [id, placement === "same-node" ? serverNode : clientNode] as const);
  const paced = new Map(clientNodes);
  return plan.scenarios.map((scenario) => {
    const own = runs.filter((run) => run.scenario === scenario);
    const counted = own.filter(({ problems }) => problems.length === 0);
    const made = new Set(own.map(({ id }) => id)).size;
    const atFixedRate = counted.filter(({ arm }) => paced.has(arm));
    return {
      scenario,
      planned: plan.blocks * plan.arms.length,
      counted: counted.length,
      lost: made - counted.length,
      again: own.length - made,
      stolen: {
        client: counted.flatMap(({ stolen }) => stolen?.client ?? []),
        server: counted.flatMap(({ stolen }) => stolen?.server ?? []),
      },
      clientShares: atFixedRate.flatMap(({ arm, usage }) =>
        usage.client?.cores === undefined ? [] : [usage.client.cores / (paced.get(arm) ?? clientNode).cores],
      ),
      atFixedRate: atFixedRate.length,
    };
  });
}
