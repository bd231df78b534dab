import { type Arm, armTitle, curve, hasSchedule, type RequestArm, type Scenario } from "../metrics/record";
import { type CostMetric, metrics, type RunMetric } from "../metrics/registry";
import { type Bounded, type Interval, median } from "../statistics/intervals";
import { costEstimate, effectOf } from "./figures";
import type { Report } from "./report";

export interface Chart {
  readonly title: string;
  readonly svg: string;
}

export function chartsOf(report: Report): ReadonlyMap<string, readonly Chart[]> {
  const ofKind = (kind: "effect" | "load" | "blocks") => metrics.runs.filter(({ charts }) => charts?.includes(kind));
  return new Map([
    ["Difference from none", ofKind("effect").flatMap((metric) => effectChart(metric, report))],
    ["Latency by percentile", percentileCharts(report)],
    ["Latency by load", ofKind("load").flatMap((metric) => loadCharts(metric, report))],
    ["Cost", metrics.costs.filter(({ hasChart }) => hasChart).flatMap((metric) => costCharts(metric, report))],
    ["Block by block", blockCharts(ofKind("blocks"), report)],
  ]);
}

const isShown = ({ isOf, isShownFor = isOf }: RunMetric, arm: Arm) => isShownFor(arm);

const figuresFor = ({ figures }: Report, metric: RunMetric, arm: Arm) =>
  figures.filter((figure) => figure.metric === metric.name && figure.arm === arm.id);

function effectChart(metric: RunMetric, report: Report): Chart[] {
  const arms = report.plan.arms.filter((arm) => isShown(metric, arm));
  const bars = arms.flatMap((arm) =>
    figuresFor(report, metric, arm).flatMap((figure): Bar[] => {
      const { scenario, title } = figure;
      const effect = effectOf(metric, figure);
      const name = `${scenario}: ${title.replace(/ connections/, "c")}`;
      return effect ? [{ name, scenario, effect }] : [];
    }),
  );
  return barChart(metric.name, bars, metric.unit);
}

/** Latency curves of every arm at a fixed rate: each point is the median over valid runs. */
function percentileCharts({ plan, runs }: Report): Chart[] {
  return plan.arms.filter(hasSchedule).flatMap((arm) => {
    const lines = plan.scenarios.flatMap((scenario): Line[] => {
      const latencies = runs.flatMap((run) =>
        run.arm === arm.id && run.scenario === scenario && run.problems.length === 0 && run.outcome?.kind === "requests"
          ? [run.outcome.corrected ?? run.outcome.raw]
          : [],
      );
      const points = curve.flatMap((percent): Point[] => {
        const values = latencies.flatMap(({ percentiles }) => percentiles[String(percent)] ?? []);
        return values.length === 0 ? [] : [[numberOfNines(percent), median(values)]];
      });
      return points.length === 0 ? [] : [{ scenario, points }];
    });
    const last = Math.max(...lines.flatMap(({ points }) => points.map(([x]) => x)));
    const ticks = [50, 90, 99, 99.9, 99.99]
      .map((percent) => [numberOfNines(percent), String(percent)] as const)
      .filter(([x]) => x <= last + 1e-9);
    return lineChart(armTitle(arm), lines, { x: { label: "percentile", ticks }, y: "ms" });
  });
}

/** 90% is 1, 99.9% is 3: spreads the high percentiles over the axis. */
function numberOfNines(percent: number): number {
  return -Math.log10(1 - percent / 100);
}

/** A metric over the rate, and over the number of connections, where the plan has more than one. */
function loadCharts(metric: RunMetric, report: Report): Chart[] {
  const { plan } = report;
  const arms = plan.arms.filter(hasSchedule);
  return (["qps", "connections"] as const).flatMap((by) => {
    const others = (arm: RequestArm) => JSON.stringify({ ...arm, id: "", [by]: 0 });
    const groups = [...new Set(arms.map(others))].map((key) => arms.filter((arm) => others(arm) === key));
    return groups.flatMap((group): Chart[] => {
      const [first] = group;
      if (!first || group.length < 2) return [];
      const lines = plan.scenarios.map((scenario): Line => {
        const points = group.flatMap((arm) =>
          figuresFor(report, metric, arm)
            .filter((each) => each.scenario === scenario)
            .map(({ estimate }): Point => [Math.log2(arm[by]), estimate.median, estimate.interval]),
        );
        return { scenario, points: points.sort(([a], [b]) => a - b) };
      });
      const label = { qps: "requests a second", connections: "connections" }[by];
      const common = armTitle(first).replace(by === "qps" ? / \d+\/s/ : /, \d+ (connections|at once)/, "");
      const ticks = group.map((arm) => [Math.log2(arm[by]), String(arm[by])] as const);
      return lineChart(`${metric.name} by ${label}: ${common}`, lines, { x: { label, ticks }, y: metric.unit });
    });
  });
}

function costCharts(metric: CostMetric, { costs }: Report): Chart[] {
  return [...new Set(costs.map(({ title }) => title))].flatMap((title) => {
    const bars = costs
      .filter((cost) => cost.title === title)
      .flatMap((cost): Bar[] => {
        const effect = costEstimate(cost, metric);
        const { scenario, component } = cost;
        return effect ? [{ name: `${scenario}: ${component}`, scenario, effect }] : [];
      });
    return barChart(title, bars, metric.unit);
  });
}

/** Values in the order of time, which shows drift and outliers. */
function blockCharts(metrics: readonly RunMetric[], report: Report): Chart[] {
  const { plan } = report;
  const blocks = Array.from({ length: plan.blocks }, (_, index) => index + 1);
  const ticks = blocks
    .filter((block) => block === 1 || plan.blocks <= 12 || block % 10 === 0)
    .map((block) => [block, String(block)] as const);
  return plan.arms.flatMap((arm) =>
    metrics
      .filter((metric) => isShown(metric, arm))
      .flatMap((metric) => {
        const figures = figuresFor(report, metric, arm);
        const lines = figures.map(({ scenario, values }): Line => ({ scenario, points: values }));
        const axes = { x: { label: "block", ticks }, y: metric.unit };
        return lineChart(`${metric.name}, ${armTitle(arm)}`, lines, axes, { pointsOnly: true });
      }),
  );
}

type Point = readonly [x: number, y: number, interval?: Interval];

interface Line {
  readonly scenario: Scenario;
  readonly points: readonly Point[];
}

interface Bar {
  readonly name: string;
  readonly scenario: Scenario;
  readonly effect: Bounded;
}

interface Axis {
  readonly label: string;
  readonly ticks: readonly (readonly [position: number, text: string])[];
}

const [width, height] = [640, 300];
const margin = { left: 64, right: 120, top: 12, bottom: 44 };

/** Contrast above 3:1 (WCAG 2.2, 1.4.11) on a white page and on a dark one. */
const colors: Readonly<Record<Scenario, string>> = {
  none: "#768390",
  control: "#9a6fd8",
  sidecar: "#2f81f7",
  ambient: "#2a9140",
  waypoint: "#d4621a",
};

export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function linearScale(from: readonly [number, number], to: readonly [number, number]) {
  const range = from[1] - from[0] || 1;
  return (value: number) => to[0] + ((value - from[0]) / range) * (to[1] - to[0]);
}

/** Round steps that include zero, `low` and `high`. */
function ticksFor(low: number, high: number): number[] {
  const range = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(range / 4));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= range / 5) ?? 10) * power;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: Math.max(1, last - first) + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(6)),
  );
}

function chart(title: string, chartHeight: number, parts: readonly string[]): Chart {
  const attributes = `viewBox="0 0 ${width} ${chartHeight}" role="img" aria-label="${escapeHtml(title)}" font-size="12"`;
  return { title, svg: `<svg ${attributes}>${parts.join("")}</svg>` };
}

function label(x: number, y: number, text: string, anchor = "middle", attributes = ""): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="currentColor"${attributes}>${escapeHtml(text)}</text>`;
}

const faint = 'stroke="currentColor" stroke-opacity="0.15"';

function segment(x1: number, y1: number, x2: number, y2: number, attributes = faint): string {
  return `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" ${attributes}/>`;
}

function dot(x: number, y: number, scenario: Scenario, tooltip: string): string {
  return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3" fill="${colors[scenario]}"><title>${escapeHtml(tooltip)}</title></circle>`;
}

/** Lines with a legend; the y axis begins at zero. `pointsOnly` draws no lines. */
function lineChart(
  title: string,
  lines: readonly Line[],
  { x: axis, y: unit }: { readonly x: Axis; readonly y: string },
  { pointsOnly = false } = {},
): Chart[] {
  if (lines.length === 0) return [];
  const bottom = height - margin.bottom;
  const right = width - margin.right;
  const xs = [...lines.flatMap(({ points }) => points.map(([x]) => x)), ...axis.ticks.map(([x]) => x)];
  const highest = lines.flatMap(({ points }) => points.map(([, y, interval]) => interval?.high ?? y));
  const yTicks = ticksFor(0, Math.max(...highest, 0));
  const xScale = linearScale([Math.min(...xs), Math.max(...xs)], [margin.left + 14, right - 14]);
  const yScale = linearScale([0, yTicks.at(-1) ?? 1], [bottom, margin.top]);
  const axes = [
    ...yTicks.flatMap((tick) => [
      segment(margin.left, yScale(tick), right, yScale(tick)),
      label(margin.left - 6, yScale(tick) + 4, String(tick), "end"),
    ]),
    ...axis.ticks.flatMap(([x, text]) => [
      segment(xScale(x), bottom, xScale(x), bottom + 4, 'stroke="currentColor"'),
      label(xScale(x), bottom + 16, text),
    ]),
    label((margin.left + right) / 2, height - 8, axis.label),
    label(14, (margin.top + bottom) / 2, unit, "middle", ` transform="rotate(-90 14 ${(margin.top + bottom) / 2})"`),
  ];
  // Points and intervals of one x position are drawn next to each other, so that they do not cover each other.
  const isCrowded = pointsOnly || lines.some(({ points }) => points.some(([, , interval]) => interval));
  const gap = isCrowded ? Math.min(5, (0.8 * (right - margin.left)) / new Set(xs).size / lines.length) : 0;
  const drawn = lines.flatMap(({ scenario, points }, index) => {
    const at = (x: number) => xScale(x) + gap * (index - (lines.length - 1) / 2);
    const stroke = `stroke="${colors[scenario]}"`;
    const path = points.map(([x, y]) => `${at(x).toFixed(1)},${yScale(y).toFixed(1)}`).join(" ");
    const legend = margin.top + 10 + 18 * index;
    return [
      pointsOnly ? "" : `<polyline points="${path}" fill="none" ${stroke} stroke-width="2"/>`,
      ...points.flatMap(([x, , interval]) =>
        interval
          ? [segment(at(x), yScale(interval.low), at(x), yScale(interval.high), `${stroke} stroke-opacity="0.6"`)]
          : [],
      ),
      ...points.map(([x, y]) => dot(at(x), yScale(y), scenario, `${scenario}: ${y.toPrecision(4)}`)),
      dot(right + 16, legend, scenario, scenario),
      label(right + 26, legend + 4, scenario, "start"),
    ];
  });
  return [chart(title, height, [...axes, ...drawn])];
}

/** A row for each value with its interval; the axis includes zero. */
function barChart(title: string, bars: readonly Bar[], unit: string): Chart[] {
  if (bars.length === 0) return [];
  const [left, right, rowHeight] = [300, width - 24, 22];
  const bounds = bars.flatMap(({ effect: { median, interval } }) => [median, ...Object.values(interval ?? {})]);
  const ticks = ticksFor(Math.min(0, ...bounds), Math.max(0, ...bounds));
  const scale = linearScale([ticks[0] ?? 0, ticks.at(-1) ?? 1], [left, right]);
  const bottom = bars.length * rowHeight + 6;
  const rows = bars.flatMap(({ name, scenario, effect: { median: value, interval } }, index) => {
    const y = index * rowHeight + rowHeight / 2 + 4;
    const stroke = `stroke="${colors[scenario]}" stroke-width="5" stroke-opacity="0.45" stroke-linecap="round"`;
    return [
      label(left - 12, y + 4, name, "end"),
      interval ? segment(scale(interval.low), y, scale(interval.high), y, stroke) : "",
      dot(scale(value), y, scenario, `${name}: ${value.toPrecision(4)} ${unit}`),
    ];
  });
  const axis = ticks.flatMap((tick) => [
    segment(scale(tick), 4, scale(tick), bottom, `stroke="currentColor" stroke-opacity="${tick === 0 ? 0.6 : 0.15}"`),
    label(scale(tick), bottom + 14, String(tick)),
  ]);
  return [chart(title, bottom + 38, [...axis, label((left + right) / 2, bottom + 30, unit), ...rows])];
}
