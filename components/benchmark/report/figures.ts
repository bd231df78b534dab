import { meshParts } from "../measure/usage";
import {
  type Arm,
  armTitle,
  type Component,
  hasSchedule,
  type RunRecord,
  type Scenario,
  type Usages,
} from "../metrics/record";
import { lostOf, type Metric, metrics, valueOf } from "../metrics/registry";
import { type BenchmarkPlan, byFamily } from "../plan/plan";
import { estimate, type Estimate } from "../statistics/intervals";
import { compare, type Difference, pairedDifferences } from "../statistics/significance";
import type { Report } from "./report";

/** A metric of an arm in a scenario, over the blocks whose runs are valid. */
export interface Figure {
  readonly arm: string;
  readonly title: string;
  readonly scenario: Scenario;
  readonly metric: Metric;
  readonly unit: string;
  readonly estimate: Estimate;
  /** Block and value, in the order of the blocks. */
  readonly values: readonly (readonly [block: number, value: number])[];
  /** To `none`, within the blocks. */
  readonly difference?: Difference;
}

/** Every figure that valid runs give, in the order of the plan. */
export function figuresOf(plan: BenchmarkPlan, records: readonly RunRecord[]): Figure[] {
  const valid = records.filter(({ problems, outcome }) => outcome && problems.length === 0);
  return (Object.keys(metrics) as Metric[]).flatMap((metric) => figuresOfMetric(metric, plan, valid));
}

function figuresOfMetric(metric: Metric, plan: BenchmarkPlan, records: readonly RunRecord[]): Figure[] {
  const cells = plan.arms.flatMap((arm) =>
    plan.scenarios.map((scenario) => ({ arm, scenario, values: valuesOf(metric, arm, scenario, records) })),
  );
  const compared = cells
    .filter(({ scenario }) => scenario !== "none")
    .map((cell) => {
      const base = cells.find(({ arm, scenario }) => arm === cell.arm && scenario === "none");
      return { ...cell, metric, differences: pairedDifferences(base?.values ?? new Map(), cell.values) };
    });
  const differences = new Map(
    [...byFamily(plan, compared).values()].flatMap((family) => {
      const named = family.map(({ arm, scenario, differences }) => [`${arm.id} ${scenario}`, differences] as const);
      return [...compare(new Map(named), `${plan.seed} ${metric}`)];
    }),
  );
  return cells.flatMap(({ arm, scenario, values }): Figure[] => {
    // What is lost is a difference, and may be below nothing.
    const floor = lostOf[metric] ? undefined : 0;
    const known = estimate([...values.values()], `${plan.seed} ${metric} ${arm.id} ${scenario}`, { floor });
    if (!known) return [];
    return [
      {
        ...{ arm: arm.id, title: armTitle(arm), scenario, metric, unit: metrics[metric].unit },
        estimate: known,
        values: [...values],
        difference: differences.get(`${arm.id} ${scenario}`),
      },
    ];
  });
}

function valuesOf(metric: Metric, arm: Arm, scenario: Scenario, records: readonly RunRecord[]): Map<number, number> {
  const rate = lostOf[metric];
  const own = records.filter((record) => record.arm === arm.id && record.scenario === scenario);
  return new Map(
    own
      .flatMap((record): [number, number][] => {
        const value = rate ? shareLost(rate, arm, record, records) : valueOf(metric, arm, record);
        return value === undefined ? [] : [[record.block, value]];
      })
      .sort(([a], [b]) => a - b),
  );
}

/** Share of the rate of `none` in the same block that is missing, in percent. */
function shareLost(rate: Metric, arm: Arm, record: RunRecord, records: readonly RunRecord[]): number | undefined {
  if (record.scenario === "none") return undefined;
  const base = records.find(
    ({ arm, scenario, block }) => arm === record.arm && block === record.block && scenario === "none",
  );
  const [all, left] = [base && valueOf(rate, arm, base), valueOf(rate, arm, record)];
  return all === undefined || left === undefined ? undefined : 100 * (1 - left / all);
}

/** Processor time and memory that a part of the mesh takes while an arm is measured. */
export interface Cost {
  readonly arm: string;
  readonly title: string;
  readonly scenario: Scenario;
  /** `mesh` is all of them together. */
  readonly component: Component | "mesh";
  /** vCPU per 1,000 requests a second, what it takes without load taken off. Absent where the counters give none. */
  readonly cpu?: Estimate;
  /** MiB of one container; of `mesh`, of all containers together. */
  readonly memory: Estimate;
}

const mebibyte = 2 ** 20;

/**
 * Parts that everything on a node shares. While the block's `none` is measured, nothing of the benchmark goes through
 * them: what they take then is for others, in the same quarter of an hour, where the look at the start may be hours ago.
 */
const shared = ["ztunnel", "istiod"] as const satisfies readonly Component[];

/** Parts that a scenario's requests pass: the control plane is there anyway, whatever is measured. */
export function proxiesOf(scenario: Scenario): Component[] {
  return meshParts[scenario].filter((part) => part !== "istiod");
}

/** What the mesh takes at the fixed rates, from the valid runs. */
export function costsOf(
  plan: BenchmarkPlan,
  records: readonly RunRecord[],
  idle: Readonly<Partial<Record<Scenario, Usages>>>,
): Cost[] {
  return plan.arms.filter(hasSchedule).flatMap((arm) =>
    plan.scenarios.flatMap((scenario) => {
      const ofArm = records.filter((record) => record.arm === arm.id && record.problems.length === 0);
      const runs = ofArm
        .filter((record) => record.scenario === scenario)
        .map((run): Run => {
          const none = ofArm.find((each) => each.scenario === "none" && each.block === run.block);
          return { ...run, idle: { ...idle[scenario], ...sharedOf(none) } };
        });
      return costsOfCell(arm, scenario, runs, `${plan.seed} ${arm.id} ${scenario}`);
    }),
  );
}

interface Run extends RunRecord {
  /** What is taken off. */
  readonly idle: Usages;
}

function sharedOf(none: RunRecord | undefined): Usages {
  const known = shared.filter((part) => none?.usage[part]?.cores !== undefined);
  return Object.fromEntries(known.map((part) => [part, none?.usage[part]]));
}

function costsOfCell(arm: Arm, scenario: Scenario, runs: readonly Run[], seed: string): Cost[] {
  const present = meshParts[scenario].filter((component) => runs.some(({ usage }) => usage[component]));
  const parts = present.map((component) => ({ component, parts: [component] }));
  // A sum without one of the proxies, whose node's counters were not to be had, would be too good.
  const isWhole = present.length > 0 && proxiesOf(scenario).every((part) => present.includes(part));
  const all = isWhole ? [...parts, { component: "mesh" as const, parts: present }] : parts;
  return all.flatMap(({ component, parts }): Cost[] => {
    const memory = estimate(
      runs.flatMap(({ usage }) => mebibytes(usage, parts, component === "mesh")),
      `${seed} ${component} memory`,
    );
    if (!memory) return [];
    const cpu = estimate(
      runs.flatMap((run) => cpuPerThousand(run, parts)),
      `${seed} ${component} cpu`,
    );
    return [{ arm: arm.id, title: armTitle(arm), scenario, component, ...(cpu && { cpu }), memory }];
  });
}

function mebibytes(usage: Usages, parts: readonly Component[], together: boolean): number[] {
  const found = parts.flatMap((part) => usage[part] ?? []);
  const containers = found.reduce((sum, part) => sum + part.containers, 0);
  if (containers === 0 || found.length < parts.length) return [];
  return [found.reduce((sum, { memory }) => sum + memory, 0) / mebibyte / (together ? 1 : containers)];
}

function cpuPerThousand({ outcome, usage, idle }: Run, parts: readonly Component[]): number[] {
  if (outcome?.kind !== "requests") return [];
  const above = parts.map((part) => {
    const [busy, still] = [usage[part]?.cores, idle[part]?.cores];
    return busy === undefined || still === undefined ? undefined : busy - still;
  });
  const known = above.flatMap((cores) => cores ?? []);
  return known.length < parts.length ? [] : [known.reduce((sum, cores) => sum + cores, 0) / (outcome.actualQps / 1000)];
}

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
