import { type Arm, armTitle, curve, hasSchedule, type Latency, type RequestArm } from "../metrics/record";
import { type Metric, metrics } from "../metrics/registry";
import { median } from "../statistics/percentiles";
import type { Figure } from "./figures";
import type { Report } from "./report";

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

/** Pictures of the report, drawn here so that the page needs nothing from anywhere. */

interface Bounds {
  readonly low: number;
  readonly high: number;
}

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number, interval?: Bounds])[];
}

export interface Bar {
  readonly name: string;
  /** Whose colour it has. */
  readonly series: string;
  readonly value: number;
  readonly interval?: Bounds;
}

interface Axis {
  readonly label: string;
  /** Places of the ticks, and what stands there. */
  readonly ticks: readonly (readonly [place: number, text: string])[];
}

const [width, height] = [640, 300];

const frame = { left: 64, right: 120, top: 12, bottom: 44 };

/** Each has a contrast above 3:1 (WCAG 2.2, 1.4.11) on a white page and on a dark one. */
const colors: Readonly<Record<string, string>> = {
  none: "#768390",
  control: "#9a6fd8",
  sidecar: "#2f81f7",
  ambient: "#2a9140",
  waypoint: "#d4621a",
};

const colorOf = (series: string) => colors[series] ?? "#768390";

export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? character);
}

type Scale = (value: number) => number;

function linear(from: readonly [number, number], to: readonly [number, number]): Scale {
  const span = from[1] - from[0] || 1;
  return (value) => to[0] + ((value - from[0]) / span) * (to[1] - to[0]);
}

/** Round steps from zero, or from below it, to above the largest value. */
function ticksFor(low: number, high: number): number[] {
  const span = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(span / 4));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= span / 5) ?? 10) * power;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: Math.max(1, last - first) + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(6)),
  );
}

function picture(title: string, tall: number, parts: readonly string[]): string {
  return (
    `<svg viewBox="0 0 ${width} ${tall}" role="img" aria-label="${escapeHtml(title)}" font-size="12">` +
    `${parts.join("")}</svg>`
  );
}

function text(x: number, y: number, value: string, anchor = "middle", more = ""): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="currentColor"${more}>${escapeHtml(value)}</text>`;
}

function rule(
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  more = 'stroke="currentColor" stroke-opacity="0.15"',
): string {
  return `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" ${more}/>`;
}

function dot(x: number, y: number, series: string, title: string): string {
  return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3" fill="${colorOf(series)}"><title>${escapeHtml(title)}</title></circle>`;
}

function axes(x: Axis, xScale: Scale, yTicks: readonly number[], yScale: Scale, yLabel: string): string[] {
  const bottom = height - frame.bottom;
  return [
    ...yTicks.flatMap((tick) => [
      rule(frame.left, yScale(tick), width - frame.right, yScale(tick)),
      text(frame.left - 6, yScale(tick) + 4, String(tick), "end"),
    ]),
    ...x.ticks.flatMap(([place, label]) => [
      rule(xScale(place), bottom, xScale(place), bottom + 4, 'stroke="currentColor"'),
      text(xScale(place), bottom + 16, label),
    ]),
    text((frame.left + width - frame.right) / 2, height - 8, x.label),
    text(14, (frame.top + bottom) / 2, yLabel, "middle", ` transform="rotate(-90 14 ${(frame.top + bottom) / 2})"`),
  ];
}

/** Lines (or, `scattered`, points only) with a legend, the y axis from zero. */
export function lineChart(
  title: string,
  lines: readonly Line[],
  axis: { readonly x: Axis; readonly y: string },
  scattered = false,
): string {
  const xs = [...lines.flatMap(({ points }) => points.map(([x]) => x)), ...axis.x.ticks.map(([place]) => place)];
  const highest = lines.flatMap(({ points }) => points.map(([, y, interval]) => interval?.high ?? y));
  const yTicks = ticksFor(0, Math.max(...highest, 0));
  const xScale = linear([Math.min(...xs), Math.max(...xs)], [frame.left + 14, width - frame.right - 14]);
  const yScale = linear([0, yTicks.at(-1) ?? 1], [height - frame.bottom, frame.top]);
  // What stands over one place would hide each other: points of a block, intervals of a rate.
  const crowded = scattered || lines.some(({ points }) => points.some(([, , interval]) => interval));
  const apart = crowded ? Math.min(5, (0.8 * (width - frame.left - frame.right)) / new Set(xs).size / lines.length) : 0;
  const drawn = lines.flatMap(({ name, points }, index) => {
    const at = (x: number) => xScale(x) + apart * (index - (lines.length - 1) / 2);
    const color = `stroke="${colorOf(name)}"`;
    const path = points.map(([x, y]) => `${at(x).toFixed(1)},${yScale(y).toFixed(1)}`).join(" ");
    return [
      scattered ? "" : `<polyline points="${path}" fill="none" ${color} stroke-width="2"/>`,
      ...points.flatMap(([x, , bounds]) =>
        bounds ? [rule(at(x), yScale(bounds.low), at(x), yScale(bounds.high), `${color} stroke-opacity="0.6"`)] : [],
      ),
      ...points.map(([x, y]) => dot(at(x), yScale(y), name, `${name}: ${y.toPrecision(4)}`)),
      dot(width - frame.right + 16, frame.top + 10 + 18 * index, name, name),
      text(width - frame.right + 26, frame.top + 14 + 18 * index, name, "start"),
    ];
  });
  return picture(title, height, [...axes(axis.x, xScale, yTicks, yScale, axis.y), ...drawn]);
}

/** A row for each value with its interval, over one axis that includes zero. */
export function intervalBars(title: string, bars: readonly Bar[], unit: string): string {
  const [left, right, row] = [300, 24, 22];
  const tall = bars.length * row + 44;
  const bounds = bars.flatMap(({ value, interval }) => [value, interval?.low ?? value, interval?.high ?? value]);
  const ticks = ticksFor(Math.min(0, ...bounds), Math.max(0, ...bounds));
  const scale = linear([ticks[0] ?? 0, ticks.at(-1) ?? 1], [left, width - right]);
  const bottom = bars.length * row + 6;
  const rows = bars.flatMap(({ name, series, value, interval }, index) => {
    const y = index * row + row / 2 + 4;
    const color = `stroke="${colorOf(series)}" stroke-width="5" stroke-opacity="0.45" stroke-linecap="round"`;
    return [
      text(left - 12, y + 4, name, "end"),
      interval ? rule(scale(interval.low), y, scale(interval.high), y, color) : "",
      dot(scale(value), y, series, `${name}: ${value.toPrecision(4)} ${unit}`),
    ];
  });
  return picture(title, tall, [
    ...ticks.flatMap((tick) => [
      rule(scale(tick), 4, scale(tick), bottom, `stroke="currentColor" stroke-opacity="${tick === 0 ? 0.6 : 0.15}"`),
      text(scale(tick), bottom + 14, String(tick)),
    ]),
    text((left + width - right) / 2, bottom + 30, unit),
    ...rows,
  ]);
}
