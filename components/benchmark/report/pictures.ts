import { curve, type Latency } from "../measure/record";
import { type Arm, armTitle, hasSchedule, type RequestArm } from "../plan/arm";
import { median } from "../statistics/percentile";
import type { Figure } from "./figures";
import { type Metric, metrics } from "./metrics";
import type { Report } from "./report";
import { type Bar, intervalBars, type Line, lineChart } from "./svg";

export interface Picture {
  readonly title: string;
  readonly svg: string;
}

/** One picture a metric: every arm and scenario with its interval. Latencies at saturation are what the rate makes them. */
export function differences({ figures, plan }: Report): Picture[] {
  const paced = new Set(plan.arms.filter(hasSchedule).map(({ id }) => id));
  return (["p50", "p99", "p99.9", "throughput lost", "rate lost"] as const).flatMap((metric) => {
    const bars = figures
      .filter((figure) => figure.metric === metric && (metric.endsWith(" lost") || paced.has(figure.arm)))
      .flatMap((figure): Bar[] => {
        const shown = metric.endsWith(" lost") ? figure.estimate : figure.difference;
        if (!shown) return [];
        const name = `${figure.scenario}: ${figure.title.replace(/ connections/, "c")}`;
        return [{ name, series: figure.scenario, value: shown.median, interval: shown.interval }];
      });
    return bars.length === 0 ? [] : [{ title: metric, svg: intervalBars(metric, bars, metrics[metric].unit) }];
  });
}

/** Latencies by percentile: each point is the median over the blocks. */
export function curves({ plan, runs }: Report): Picture[] {
  return plan.arms.filter(hasSchedule).flatMap((arm) => {
    const lines = plan.scenarios.flatMap((scenario): Line[] => {
      const latencies = runs.flatMap(({ arm: id, scenario: where, problems, outcome }): Latency[] =>
        id === arm.id && where === scenario && problems.length === 0 && outcome?.kind === "requests"
          ? [outcome.corrected ?? outcome.raw]
          : [],
      );
      const points = curve.flatMap((percent): [number, number][] => {
        const values = latencies.flatMap(({ percentiles }) => percentiles[String(percent)] ?? []);
        return values.length === 0 ? [] : [[nines(percent), median(values)]];
      });
      return points.length === 0 ? [] : [{ name: scenario, points }];
    });
    const far = Math.max(...lines.flatMap(({ points }) => points.map(([x]) => x)));
    const ticks = [50, 90, 99, 99.9, 99.99].filter((percent) => nines(percent) <= far + 1e-9);
    const x = { label: "percentile", ticks: ticks.map((percent) => [nines(percent), String(percent)] as const) };
    const title = armTitle(arm);
    return lines.length === 0 ? [] : [{ title, svg: lineChart(title, lines, { x, y: "ms" }) }];
  });
}

/** How many nines a percentile has, so that the far ones are not all in one place: 90% is 1, 99.9% is 3. */
function nines(percent: number): number {
  return -Math.log10(1 - percent / 100);
}

/** p99 as the load grows, where a plan has more than one: by the rate, and by the connections. */
export function loads({ plan, figures }: Report): Picture[] {
  const arms = plan.arms.filter(hasSchedule);
  return (["qps", "connections"] as const).flatMap((by) => {
    const butFor = (arm: RequestArm) => JSON.stringify({ ...arm, id: "", [by]: 0 });
    const groups = [...new Set(arms.map(butFor))].map((key) => arms.filter((arm) => butFor(arm) === key));
    return groups.flatMap((group): Picture[] => {
      const [first] = group;
      if (!first || group.length < 2) return [];
      const lines = plan.scenarios.map((name): Line => {
        const points = group.flatMap((arm) =>
          figuresOf(figures, arm, "p99")
            .filter(({ scenario }) => scenario === name)
            .map(({ estimate }) => [Math.log2(arm[by]), estimate.median, estimate.interval] as const),
        );
        return { name, points: [...points].sort(([a], [b]) => a - b) };
      });
      const what = { qps: "requests a second", connections: "connections" }[by];
      const common = armTitle(first).replace(by === "qps" ? / \d+\/s/ : /, \d+ (connections|at once)/, "");
      const x = { label: what, ticks: group.map((arm) => [Math.log2(arm[by]), String(arm[by])] as const) };
      const title = `p99 by ${what}: ${common}`;
      return [{ title, svg: lineChart(title, lines, { x, y: "ms" }) }];
    });
  });
}

function figuresOf(figures: readonly Figure[], arm: Arm, metric: Metric): Figure[] {
  return figures.filter((figure) => figure.arm === arm.id && figure.metric === metric);
}

export function costs({ costs }: Report): Picture[] {
  const titles = [...new Set(costs.map(({ title }) => title))];
  return titles.flatMap((title) => {
    const bars = costs
      .filter((cost) => cost.title === title && cost.cpu)
      .flatMap(({ scenario, component, cpu }): Bar[] =>
        cpu ? [{ name: `${scenario}: ${component}`, series: scenario, value: cpu.median, interval: cpu.interval }] : [],
      );
    return bars.length === 0 ? [] : [{ title, svg: intervalBars(title, bars, "vCPU per 1,000 requests a second") }];
  });
}

/** What each block gave, in the order of time, so that a drift or an outlier can be seen. */
export function blocks({ figures, plan }: Report): Picture[] {
  return plan.arms.flatMap((arm) => {
    const metric = arm.kind === "stream" ? "throughput" : hasSchedule(arm) ? "p99" : "rate";
    const lines = figuresOf(figures, arm, metric).map(({ scenario, values }): Line => ({
      name: scenario,
      points: values,
    }));
    if (lines.length === 0) return [];
    const ticks = Array.from({ length: plan.blocks }, (_, index) => [index + 1, String(index + 1)] as const);
    const every = ticks.filter(([block]) => block === 1 || plan.blocks <= 12 || block % 10 === 0);
    const title = `${metric}, ${armTitle(arm)}`;
    const axis = { x: { label: "block", ticks: every }, y: metrics[metric].unit };
    return [{ title, svg: lineChart(title, lines, axis, true) }];
  });
}
