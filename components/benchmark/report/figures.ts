import {
  type Arm,
  armTitle,
  type Component,
  hasSchedule,
  meshParts,
  proxiesOf,
  type RunRecord,
  type Scenario,
  type Usages,
} from "../metrics/record";
import { type CostMetric, type CostName, metrics as allMetrics, type RunMetric } from "../metrics/registry";
import { type BenchmarkPlan, comparisonFamilies } from "../plan/plan";
import { estimate, type Estimate } from "../statistics/intervals";
import { compare, type Difference, pairedDifferences } from "../statistics/significance";

/** A metric of an arm in a scenario, over the blocks with valid runs. */
export interface Figure {
  /** Id of the arm. */
  readonly arm: string;
  /** Title of the arm. */
  readonly title: string;
  readonly scenario: Scenario;
  readonly metric: string;
  readonly unit: string;
  readonly estimate: Estimate;
  /** In the order of the blocks. */
  readonly values: readonly (readonly [block: number, value: number])[];
  /** Value minus that of `none` in the same block. */
  readonly difference?: Difference;
}

/** What a part of the mesh uses under an arm, by the name of the cost metric; absent where counters are missing. */
export type Cost = Readonly<Partial<Record<CostName, Estimate>>> & {
  readonly arm: string;
  readonly title: string;
  readonly scenario: Scenario;
  /** `mesh` is all parts together. */
  readonly component: Component | "mesh";
};

/** The plan in a report, where the runs have their own list. */
export type ReportedPlan = Omit<BenchmarkPlan, "runs"> & { readonly runs: number };

/** What is read off the runs: the input of summary and budgets. */
export interface Results {
  readonly plan: ReportedPlan;
  readonly figures: readonly Figure[];
  readonly costs: readonly Cost[];
  readonly runs: readonly RunRecord[];
}

export function costEstimate(cost: Cost, metric: CostMetric): Estimate | undefined {
  return Object.hasOwn(cost, metric.name) ? cost[metric.name as CostName] : undefined;
}

const isValid = ({ problems }: RunRecord) => problems.length === 0;

/** A metric of an arm in a scenario, before it is estimated. */
interface Cell {
  readonly metric: RunMetric;
  readonly arm: Arm;
  readonly scenario: Scenario;
  /** By block, ascending. */
  readonly values: ReadonlyMap<number, number>;
}

/** The figures of all valid runs, by metric, arm and scenario. */
export function figuresOf(plan: BenchmarkPlan, records: readonly RunRecord[], { runs } = allMetrics): Figure[] {
  const valid = records.filter(isValid);
  const cells = runs.flatMap((metric) =>
    plan.arms.flatMap((arm) =>
      plan.scenarios.map((scenario): Cell => ({
        metric,
        arm,
        scenario,
        values: valuesOf(metric, arm, scenario, valid),
      })),
    ),
  );
  const differences = differencesToNone(plan, cells);
  return cells.flatMap(({ metric, arm, scenario, values }): Figure[] => {
    // What is lost can be less than nothing.
    const floor = metric.lostOf === undefined ? 0 : undefined;
    const seed = `${plan.seed} ${metric.name} ${arm.id} ${scenario}`;
    const found = estimate([...values.values()], seed, { floor });
    if (!found) return [];
    return [
      {
        ...{ arm: arm.id, title: armTitle(arm), scenario, metric: metric.name, unit: metric.unit },
        estimate: found,
        values: [...values],
        difference: differences.get(nameOf({ metric, arm, scenario })),
      },
    ];
  });
}

function differencesToNone(plan: BenchmarkPlan, cells: readonly Cell[]): ReadonlyMap<string, Difference> {
  const none = new Map(cells.filter(({ scenario }) => scenario === "none").map((cell) => [nameOf(cell), cell.values]));
  const compared = cells.filter(({ scenario }) => scenario !== "none");
  return new Map(
    [...comparisonFamilies(plan, compared).values()].flatMap((family) => {
      const differences = family.map((cell) => {
        const base = none.get(nameOf({ ...cell, scenario: "none" })) ?? new Map<number, number>();
        return [nameOf(cell), pairedDifferences(base, cell.values)] as const;
      });
      return [...compare(new Map(differences), String(plan.seed))];
    }),
  );
}

function nameOf({ metric, arm, scenario }: Pick<Cell, "metric" | "arm" | "scenario">): string {
  return `${metric.name}/${arm.id} ${scenario}`;
}

function valuesOf(
  metric: RunMetric,
  arm: Arm,
  scenario: Scenario,
  records: readonly RunRecord[],
): ReadonlyMap<number, number> {
  const ofArm = records.filter((record) => record.arm === arm.id);
  const values = ofArm
    .filter((record) => record.scenario === scenario)
    .flatMap((record): [number, number][] => {
      const value = metric.lostOf === undefined ? readRun(metric, arm, record) : shareLost(metric, arm, record, ofArm);
      return value === undefined ? [] : [[record.block, value]];
    });
  return new Map(values.sort(([a], [b]) => a - b));
}

/** The value of a metric in a run; undefined where the run has none. */
export function readRun(metric: RunMetric, arm: Arm, { outcome }: RunRecord): number | undefined {
  return outcome && metric.isOf(arm) ? metric.read(outcome, arm) : undefined;
}

/** The share, in percent, of the value of `none` in the same block that a run lacks. */
function shareLost(metric: RunMetric, arm: Arm, record: RunRecord, ofArm: readonly RunRecord[]): number | undefined {
  if (record.scenario === "none") return undefined;
  const none = ofArm.find(({ block, scenario }) => block === record.block && scenario === "none");
  const [all, left] = [none && readRun(metric, arm, none), readRun(metric, arm, record)];
  return all === undefined || left === undefined ? undefined : 100 * (1 - left / all);
}

/** A run with the usage without load that is subtracted from its own. */
interface CostedRun extends RunRecord {
  readonly idle: Usages;
}

/**
 * Parts that all scenarios share. Their usage without load is that of the run of `none` in the same block, when no traffic
 * of the benchmark passes them: what they use then is for other traffic, at about the same time. The measurement at the
 * start may be hours old.
 */
const shared = ["ztunnel", "istiod"] as const satisfies readonly Component[];

/** @param idle usage without load at the start, by scenario */
export function costsOf(
  plan: BenchmarkPlan,
  records: readonly RunRecord[],
  idle: Readonly<Partial<Record<Scenario, Usages>>>,
  { costs } = allMetrics,
): Cost[] {
  return plan.arms.flatMap((arm) =>
    plan.scenarios.flatMap((scenario) => {
      const ofArm = records.filter((record) => record.arm === arm.id && isValid(record));
      const runs = ofArm
        .filter((record) => record.scenario === scenario)
        .map((run): CostedRun => {
          const none = ofArm.find((each) => each.scenario === "none" && each.block === run.block);
          const known = shared.filter((part) => none?.usage[part]?.cores !== undefined);
          return {
            ...run,
            idle: { ...idle[scenario], ...Object.fromEntries(known.map((part) => [part, none?.usage[part]])) },
          };
        });
      return costsOfArm(
        arm,
        scenario,
        runs,
        costs.filter(({ isOf }) => isOf(arm)),
        plan.seed,
      );
    }),
  );
}

function costsOfArm(
  arm: Arm,
  scenario: Scenario,
  runs: readonly CostedRun[],
  metrics: readonly CostMetric[],
  seed: number,
): Cost[] {
  const present = meshParts[scenario].filter((component) => runs.some(({ usage }) => usage[component]));
  const single = present.map((component) => ({ component, parts: [component], of: "part" as const }));
  // Without one of the proxies, whose counters are missing, the sum would be too low.
  const isWhole = present.length > 0 && proxiesOf(scenario).every((part) => present.includes(part));
  const rows = isWhole ? [...single, { component: "mesh" as const, parts: present, of: "mesh" as const }] : single;
  return rows.flatMap(({ component, parts, of }): Cost[] => {
    const estimates = metrics.flatMap((metric): [string, Estimate][] => {
      const values = runs.flatMap((run) => costOfRun(metric, run, parts, of) ?? []);
      const found = estimate(values, `${seed} ${arm.id} ${scenario} ${component} ${metric.name}`);
      return found ? [[metric.name, found]] : [];
    });
    if (estimates.length === 0) return [];
    return [{ arm: arm.id, title: armTitle(arm), scenario, component, ...Object.fromEntries(estimates) }];
  });
}

function costOfRun(
  metric: CostMetric,
  { outcome, usage, idle }: CostedRun,
  components: readonly Component[],
  of: "part" | "mesh",
): number | undefined {
  if (outcome?.kind !== "requests") return undefined;
  const parts = components.flatMap((part) => {
    const used = usage[part];
    return used ? [{ usage: used, idle: idle[part] }] : [];
  });
  return parts.length < components.length ? undefined : metric.read(parts, of, outcome.actualQps);
}

/** Number of blocks in which an arm has no valid run of a scenario, because it was not run or is invalid, repeated or not. */
export function lostRuns(
  { blocks }: Pick<BenchmarkPlan, "blocks">,
  runs: readonly RunRecord[],
  arm: string,
  scenario: Scenario,
): number {
  const valid = runs.filter((run) => run.arm === arm && run.scenario === scenario && isValid(run));
  return blocks - new Set(valid.map(({ block }) => block)).size;
}

/** The runs of a scenario in numbers. */
export interface RunCounts {
  readonly scenario: Scenario;
  readonly planned: number;
  readonly valid: number;
  /** Run, and invalid also where they were repeated. */
  readonly invalid: number;
  readonly repeated: number;
  /** Of each valid run, the steal of the two nodes. */
  readonly stolen: { readonly client: readonly number[]; readonly server: readonly number[] };
  /** Of each valid run at a fixed rate, the load generator's share of its node's CPU; fewer where counters are missing. */
  readonly clientShares: readonly number[];
  readonly atFixedRate: number;
}

interface Nodes {
  readonly clientNode: { readonly cores: number };
  readonly serverNode: { readonly cores: number };
}

export function countRuns({
  plan,
  runs,
  environment: { clientNode, serverNode },
}: Pick<Results, "plan" | "runs"> & { readonly environment: Nodes }): RunCounts[] {
  const generatorNodes = new Map(
    plan.arms
      .filter(hasSchedule)
      .map(({ id, placement }) => [id, placement === "same-node" ? serverNode : clientNode] as const),
  );
  return plan.scenarios.map((scenario) => {
    const own = runs.filter((run) => run.scenario === scenario);
    const valid = own.filter(isValid);
    const distinct = new Set(own.map(({ id }) => id)).size;
    const atFixedRate = valid.filter(({ arm }) => generatorNodes.has(arm));
    return {
      scenario,
      planned: plan.blocks * plan.arms.length,
      valid: valid.length,
      invalid: distinct - valid.length,
      repeated: own.length - distinct,
      stolen: {
        client: valid.flatMap(({ stolen }) => stolen?.client ?? []),
        server: valid.flatMap(({ stolen }) => stolen?.server ?? []),
      },
      clientShares: atFixedRate.flatMap(({ arm, usage }) =>
        usage.client?.cores === undefined ? [] : [usage.client.cores / (generatorNodes.get(arm) ?? clientNode).cores],
      ),
      atFixedRate: atFixedRate.length,
    };
  });
}
