import { type Component, type RunRecord, type Usages } from "../measure/record";
import { meshParts } from "../measure/usage";
import { type Arm, armTitle, hasSchedule } from "../plan/arm";
import type { BenchmarkPlan, Scenario } from "../plan/plan";
import { estimate, type Estimate } from "../statistics/compare";

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
