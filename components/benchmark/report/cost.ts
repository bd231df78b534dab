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
  /** MiB of one container. */
  readonly memory: Estimate;
}

const mebibyte = 2 ** 20;

/** What the mesh takes at the fixed rates, from the valid runs. */
export function costsOf(
  plan: BenchmarkPlan,
  records: readonly RunRecord[],
  idle: Readonly<Partial<Record<Scenario, Usages>>>,
): Cost[] {
  return plan.arms.filter(hasSchedule).flatMap((arm) =>
    plan.scenarios.flatMap((scenario) => {
      const runs = records.filter(
        (record) => record.arm === arm.id && record.scenario === scenario && record.problems.length === 0,
      );
      return costsOfCell(arm, scenario, runs, idle[scenario] ?? {}, `${plan.seed} ${arm.id} ${scenario}`);
    }),
  );
}

function costsOfCell(arm: Arm, scenario: Scenario, runs: readonly RunRecord[], idle: Usages, seed: string): Cost[] {
  const present = meshParts[scenario].filter((component) => runs.some(({ usage }) => usage[component]));
  const parts = present.map((component) => ({ component, parts: [component] }));
  const all = present.length > 0 ? [...parts, { component: "mesh" as const, parts: present }] : parts;
  return all.flatMap(({ component, parts }): Cost[] => {
    const memory = estimate(
      runs.flatMap(({ usage }) => perContainer(usage, parts)),
      `${seed} ${component} memory`,
    );
    if (!memory) return [];
    const cpu = estimate(
      runs.flatMap((run) => cpuPerThousand(run, parts, idle)),
      `${seed} ${component} cpu`,
    );
    return [{ arm: arm.id, title: armTitle(arm), scenario, component, ...(cpu && { cpu }), memory }];
  });
}

function perContainer(usage: Usages, parts: readonly Component[]): number[] {
  const found = parts.flatMap((part) => usage[part] ?? []);
  const containers = found.reduce((sum, part) => sum + part.containers, 0);
  return containers === 0 ? [] : [found.reduce((sum, { memory }) => sum + memory, 0) / mebibyte / containers];
}

function cpuPerThousand({ outcome, usage }: RunRecord, parts: readonly Component[], idle: Usages): number[] {
  if (outcome?.kind !== "requests") return [];
  const above = parts.map((part) => {
    const [busy, still] = [usage[part]?.cores, idle[part]?.cores];
    return busy === undefined || still === undefined ? undefined : busy - still;
  });
  const known = above.flatMap((cores) => cores ?? []);
  return known.length < parts.length ? [] : [known.reduce((sum, cores) => sum + cores, 0) / (outcome.actualQps / 1000)];
}
