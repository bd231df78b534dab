import { escapeHtml } from "../../shared/html";
import { type Arm, armTitle, type Scenario } from "../metrics/record";
import { type CostMetric, isShown, metrics, type Question, type RunMetric } from "../metrics/registry";
import { type Bounded, formatEstimate, formatNumber } from "../statistics/intervals";
import { costEstimate, effectOf, partTitle } from "./figures";
import type { Report } from "./report";
import { summaryArm } from "./summary";

/**
 * By question, the pictures that answer it, as HTML: report.css draws them, so that their text is that of the page and stays
 * readable on a narrow screen.
 */
export function picturesOf(report: Report): ReadonlyMap<string, readonly string[]> {
  const { plan, costs } = report;
  const { arm: first } = summaryArm(plan);
  const group = (metric: RunMetric, arm: Arm, label = armTitle(arm)): Group => {
    const rows = shownFigures(report, metric, arm).flatMap((figure) => row(figure, effectOf(metric, figure)));
    return { unit: metric.unit, label, rows };
  };
  const byLoad = (metric: RunMetric) => plan.arms.map((arm) => group(metric, arm));
  const byPart = (metric: CostMetric) =>
    plan.scenarios.map((scenario): Group => {
      const own = costs.filter((cost) => cost.arm === first.id && cost.scenario === scenario);
      const rows = own.flatMap((cost) => row(cost, costEstimate(cost, metric), partTitle(cost)));
      return { unit: metric.unit, label: scenario, rows };
    });
  const latencies = metricsFor("latency").map((metric) => group(metric, first, metric.name));
  return new Map([
    ["How much latency is added?", bars("latency", latencies)],
    ["How does it grow with load?", metricsFor("growth").flatMap((metric) => bars(metric.name, byLoad(metric), 2))],
    ["What does it cost in CPU and memory?", metrics.costs.flatMap((metric) => bars(metric.name, byPart(metric)))],
    ["How much throughput is lost?", bars("share lost", metricsFor("throughput").flatMap(byLoad))],
  ]);
}

/** Values in the order of time, which shows drift and outliers. */
export function stabilityOf(report: Report): string[] {
  const { plan } = report;
  return plan.arms.flatMap((arm) =>
    metricsFor("stability").flatMap((metric) => {
      const points = shownFigures(report, metric, arm).flatMap(({ scenario, values }) =>
        values.map(([block, value]) => ({ scenario, block, value })),
      );
      if (points.length === 0) return [];
      const high = Math.max(...points.map(({ value }) => value));
      const dots = points.map(
        ({ scenario, block, value }) =>
          `<i class="${scenario}" style="--x:${block};--y:${value.toPrecision(4)}" ` +
          `title="block ${block}, ${scenario}: ${formatNumber(value)}"></i>`,
      );
      return [
        `<figure class="plot" style="--blocks:${plan.blocks};--high:${(high || 1).toPrecision(4)}">` +
          `<figcaption>${escapeHtml(`${metric.name}, ${armTitle(arm)}`)}</figcaption>` +
          `<p>${formatNumber(high)} ${escapeHtml(metric.unit)}</p><div>${dots.join("")}</div>` +
          `<p>0<span>block 1 to ${plan.blocks}</span></p></figure>`,
      ];
    }),
  );
}

function metricsFor(question: Question): RunMetric[] {
  return metrics.runs.filter(({ questions }) => questions?.includes(question));
}

interface Row {
  readonly label: string;
  readonly scenario: Scenario;
  readonly value: Bounded;
}

interface Group {
  readonly label: string;
  readonly unit: string;
  readonly rows: readonly Row[];
}

const shownFigures = ({ figures }: Report, metric: RunMetric, arm: Arm) =>
  figures.filter((figure) => figure.metric === metric.name && figure.arm === arm.id && isShown(metric, arm));

function row({ scenario }: Pick<Row, "scenario">, value: Bounded | undefined, label: string = scenario): Row[] {
  return value ? [{ label, scenario, value }] : [];
}

/** A picture for each unit: groups of bars that begin at zero, with intervals and values. None of fewer than `least` groups. */
function bars(title: string, groups: readonly Group[], least = 1): string[] {
  const known = groups.filter(({ rows }) => rows.length > 0);
  if (known.length < least) return [];
  return [...new Set(known.map(({ unit }) => unit))].map((unit) => {
    const shown = known.filter((group) => group.unit === unit);
    const bounds = shown.flatMap(({ rows }) => rows.flatMap(({ value }) => Object.values(boundsOf(value))));
    const [low, high] = [Math.min(0, ...bounds), Math.max(0, ...bounds)];
    return (
      `<figure class="bars" style="--low:${low.toPrecision(4)};--high:${(high || 1).toPrecision(4)}">` +
      `<figcaption>${escapeHtml(`${title}, ${unit}`)}</figcaption>${shown.map(groupHtml).join("")}</figure>`
    );
  });
}

function groupHtml({ label, rows }: Group): string {
  const drawn = rows.map(({ label, scenario, value }) => {
    const numbers = Object.entries(boundsOf(value)).map(([name, number]) => `--${name}:${number.toPrecision(4)}`);
    const bar = `<span class="track ${scenario}" style="${numbers.join(";")}"><i></i><b></b></span>`;
    return `<li><span>${escapeHtml(label)}</span>${bar}<span>${formatEstimate(value)}</span></li>`;
  });
  return `<p>${escapeHtml(label)}</p><ul>${drawn.join("")}</ul>`;
}

function boundsOf({ median, interval = { low: median, high: median } }: Bounded) {
  return { from: interval.low, median, to: interval.high };
}
