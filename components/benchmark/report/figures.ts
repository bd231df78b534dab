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
import { type CostMetric, type CostName, metrics, type RunMetric } from "../metrics/registry";
import { type BenchmarkPlan, comparisonFamilies } from "../plan/plan";
import { estimate, type Estimate } from "../statistics/intervals";
import { type ByBlock, compare, type Difference, inBothBlocks, pairedDifferences } from "../statistics/significance";

/** A metric of an arm in a scenario, over the blocks with valid runs. */
export interface Figure {
  readonly arm: string;
  readonly title: string;
  readonly scenario: Scenario;
  readonly metric: string;
  readonly unit: string;
  readonly estimate: Estimate;
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

export interface Results {
  readonly plan: Omit<BenchmarkPlan, "runs"> & { readonly runs: number };
  readonly figures: readonly Figure[];
  readonly costs: readonly Cost[];
  /** Every run; invalid ones with their problems. */
  readonly runs: readonly RunRecord[];
}

const isValid = ({ problems }: RunRecord) => problems.length === 0;

export function figuresOf(plan: BenchmarkPlan, records: readonly RunRecord[]): Figure[] {
  const valid = records.filter(isValid);
  const cells = metrics.runs.flatMap((metric) =>
    plan.arms.flatMap((arm) => {
      const none = valuesOf(metric, arm, "none", valid);
      return plan.scenarios.map((scenario) => {
        const name = `${metric.name}/${arm.id} ${scenario}`;
        const values = valuesOf(metric, arm, scenario, valid);
        if (metric.lostOf === undefined) return { name, metric, arm, scenario, none, values };
        const percentLost = (all: number, left: number) => 100 * (1 - left / all);
        const lost = scenario === "none" ? new Map<number, number>() : inBothBlocks(none, values, percentLost);
        return { name, metric, arm, scenario, none: new Map<number, number>(), values: lost };
      });
    }),
  );
  const compared = cells.filter(({ scenario }) => scenario !== "none");
  const differences = new Map(
    [...comparisonFamilies(plan, compared).values()].flatMap((family) => {
      const differences = family.map(({ name, none, values }) => [name, pairedDifferences(none, values)] as const);
      return [...compare(new Map(differences), String(plan.seed))];
    }),
  );
  return cells.flatMap(({ name, metric, arm, scenario, values: byBlock }): Figure[] => {
    const values = [...byBlock];
    // The share lost can be negative.
    const floor = metric.lostOf === undefined ? 0 : undefined;
    const found = estimate([...byBlock.values()], `${plan.seed} ${metric.name} ${arm.id} ${scenario}`, { floor });
    const key = { arm: arm.id, title: armTitle(arm), scenario, metric: metric.name, unit: metric.unit };
    return found ? [{ ...key, estimate: found, values, difference: differences.get(name) }] : [];
  });
}

function valuesOf(metric: RunMetric, arm: Arm, scenario: Scenario, records: readonly RunRecord[]): ByBlock {
  const own = records.filter((record) => record.arm === arm.id && record.scenario === scenario);
  const values = own.flatMap((record): [number, number][] => {
    const value = readRun(metric, arm, record);
    return value === undefined ? [] : [[record.block, value]];
  });
  return new Map(values.sort(([a], [b]) => a - b));
}

export function readRun(metric: RunMetric, arm: Arm, { outcome }: RunRecord): number | undefined {
  return outcome && metric.isOf(arm) ? metric.read(outcome, arm) : undefined;
}

/** What a scenario adds to none, or loses of a rate. */
export function effectOf({ lostOf }: RunMetric, figure: Figure | undefined): Estimate | undefined {
  return lostOf === undefined ? figure?.difference : figure?.estimate;
}

export function costEstimate(cost: Cost, metric: CostMetric): Estimate | undefined {
  return Object.hasOwn(cost, metric.name) ? cost[metric.name as CostName] : undefined;
}

export function partTitle({ component }: Cost): string {
  return component === "mesh" ? "whole mesh" : component;
}

type At = readonly [arm: string, scenario: string];

export function findFigure<F extends Pick<Figure, "arm" | "metric"> & { readonly scenario: string }>(
  figures: readonly F[],
  [arm, scenario]: At,
  metric: string,
): F | undefined {
  return figures.find((each) => each.arm === arm && each.scenario === scenario && each.metric === metric);
}

export function findCost(costs: readonly Cost[], [arm, scenario]: At, component: string, metric: CostMetric) {
  const cost = costs.find((each) => each.arm === arm && each.scenario === scenario && each.component === component);
  return cost && costEstimate(cost, metric);
}

/** @param idle usage without load at the start, by scenario */
export function costsOf(
  plan: BenchmarkPlan,
  records: readonly RunRecord[],
  idle: Readonly<Partial<Record<Scenario, Usages>>>,
): Cost[] {
  return plan.arms.flatMap((arm) => {
    const ofArm = records.filter((record) => record.arm === arm.id && isValid(record));
    const costs = metrics.costs.filter(({ isOf }) => isOf(arm));
    return plan.scenarios.flatMap((scenario) => {
      const runs = ofArm
        .filter((record) => record.scenario === scenario)
        .map((run) => {
          const none = ofArm.find(({ block, scenario }) => block === run.block && scenario === "none");
          return { ...run, idle: { ...idle[scenario], ...sharedUsage(none) } };
        });
      return partsIn(scenario, runs).flatMap(({ component, parts }): Cost[] => {
        const extent = component === "mesh" ? "mesh" : "part";
        const estimates = costs.flatMap((metric): [string, Estimate][] => {
          const values = runs.flatMap((run) => costOfRun(metric, run, parts, extent) ?? []);
          const found = estimate(values, `${plan.seed} ${arm.id} ${scenario} ${component} ${metric.name}`);
          return found ? [[metric.name, found]] : [];
        });
        if (estimates.length === 0) return [];
        return [{ arm: arm.id, title: armTitle(arm), scenario, component, ...Object.fromEntries(estimates) }];
      });
    });
  });
}

/**
 * Usage of the parts that all scenarios share in a run of `none`, when no traffic of the benchmark passes them: what they use
 * then is for other traffic, at about the same time. The measurement at the start may be hours old.
 */
function sharedUsage(none: RunRecord | undefined): Usages {
  const known = (["ztunnel", "istiod"] as const).filter((part) => none?.usage[part]?.cores !== undefined);
  return Object.fromEntries(known.map((part) => [part, none?.usage[part]]));
}

/** Each part with counters, and the whole mesh; without one of the proxies its sum would be too low. */
function partsIn(scenario: Scenario, runs: readonly RunRecord[]) {
  const parts = meshParts[scenario].filter((component) => runs.some(({ usage }) => usage[component]));
  const isWhole = parts.length > 0 && proxiesOf(scenario).every((part) => parts.includes(part));
  return [
    ...parts.map((component) => ({ component, parts: [component] })),
    ...(isWhole ? [{ component: "mesh" as const, parts }] : []),
  ];
}

function costOfRun(
  metric: CostMetric,
  { outcome, usage, idle }: RunRecord & { readonly idle: Usages },
  components: readonly Component[],
  extent: "part" | "mesh",
): number | undefined {
  if (outcome?.kind !== "requests") return undefined;
  const parts = components.flatMap((part) => (usage[part] ? [{ usage: usage[part], idle: idle[part] }] : []));
  return parts.length < components.length ? undefined : metric.read(parts, extent, outcome.actualQps);
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

export function countRuns({
  plan,
  runs,
  environment: { clientNode, serverNode },
}: Pick<Results, "plan" | "runs"> & {
  readonly environment: Readonly<Record<"clientNode" | "serverNode", { readonly cores: number }>>;
}) {
  const nodeOf = ({ placement }: Arm) => (placement === "same-node" ? serverNode : clientNode);
  const generatorNodes = new Map(plan.arms.filter(hasSchedule).map((arm) => [arm.id, nodeOf(arm)]));
  return plan.scenarios.map((scenario) => {
    const own = runs.filter((run) => run.scenario === scenario);
    const valid = own.filter(isValid);
    const distinct = new Set(own.map(({ id }) => id)).size;
    const atFixedRate = valid.filter(({ arm }) => generatorNodes.has(arm));
    return {
      scenario,
      planned: plan.blocks * plan.arms.length,
      valid: valid.length,
      /** Runs that are invalid also where they were repeated. */
      invalid: distinct - valid.length,
      repeated: own.length - distinct,
      stolen: {
        client: valid.flatMap(({ stolen }) => stolen?.client ?? []),
        server: valid.flatMap(({ stolen }) => stolen?.server ?? []),
      },
      atFixedRate: atFixedRate.length,
      /** The load generator's share of its node's CPU in those runs; fewer where counters are missing. */
      clientShares: atFixedRate.flatMap(({ arm, usage }) =>
        usage.client?.cores === undefined ? [] : [usage.client.cores / (generatorNodes.get(arm) ?? clientNode).cores],
      ),
    };
  });
}
