import { curve, type Latency } from "../measure/record";
import { armTitle, hasSchedule, type RequestArm } from "../plan/arm";
import { median } from "../statistics/percentile";
import type { Figure } from "./figures";
import type { Report } from "./report";
import { type Bar, escapeHtml, intervalBars, type Line, lineChart } from "./svg";
import { type Table, tablesOf } from "./tables";

const style = `
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; }
.sentences { font-size: 1.15rem; } .note { opacity: .75; } .warning { color: #cf222e; font-weight: 600; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 1.5rem; }
figure { margin: 0; } figcaption { font-weight: 600; } svg { width: 100%; height: auto; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; }
th, td { text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
`;

/** The report as one page that holds everything: no script, no font, no picture from elsewhere. */
export function htmlOf(report: Report): string {
  const tables = tablesOf(report);
  const first = tables.filter(({ title }) => title === "Budgets");
  const rest = tables.filter(({ title }) => title !== "Budgets");
  const body = [
    "<h1>What the mesh costs</h1>",
    report.complete ? "" : '<p class="warning">Not every planned run was made.</p>',
    `<ul class="sentences">${report.sentences.map((each) => `<li>${escapeHtml(each)}</li>`).join("")}</ul>`,
    ...first.map(tableHtml),
    ...section("What is added to none", differences(report)),
    ...section("Latency", curves(report)),
    ...section("Cost", costs(report)),
    ...section("Block by block", blocks(report)),
    ...rest.map(tableHtml),
  ].filter((part) => part !== "");
  return (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">' +
    '<meta name="viewport" content="width=device-width"><title>What the mesh costs</title>' +
    `<style>${style}</style></head>\n<body>\n${body.join("\n")}\n</body></html>\n`
  );
}

interface Picture {
  readonly title: string;
  readonly svg: string;
}

function section(title: string, pictures: readonly Picture[]): string[] {
  if (pictures.length === 0) return [];
  const figures = pictures.map(
    (each) => `<figure><figcaption>${escapeHtml(each.title)}</figcaption>${each.svg}</figure>`,
  );
  return [`<h2>${escapeHtml(title)}</h2><div class="pictures">${figures.join("\n")}</div>`];
}

function tableHtml({ title, note, head, rows }: Table): string {
  const row = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join("")}</tr>`;
  return (
    `<h2>${escapeHtml(title)}</h2>${note === undefined ? "" : `<p class="note">${escapeHtml(note)}</p>`}` +
    `<div class="scroll"><table><thead>${row(head, "th")}</thead><tbody>` +
    `${rows.map((cells) => row(cells, "td")).join("\n")}</tbody></table></div>`
  );
}

/** One picture a metric: every arm and scenario with its interval. */
function differences({ figures }: Report): Picture[] {
  return (["p50", "p99", "p99.9", "throughput lost", "rate"] as const).flatMap((metric) => {
    const bars = figures
      .filter((figure) => figure.metric === metric)
      .flatMap((figure): Bar[] => {
        const shown = metric === "throughput lost" ? figure.estimate : figure.difference;
        if (!shown) return [];
        const name = `${figure.scenario}: ${figure.title.replace(/ connections/, "c")}`;
        return [{ name, series: figure.scenario, value: shown.median, interval: shown.interval }];
      });
    const unit = figures.find((figure) => figure.metric === metric)?.unit ?? "";
    return bars.length === 0 ? [] : [{ title: metric, svg: intervalBars(metric, bars, unit) }];
  });
}

/** Latencies by percentile: each point is the median over the blocks. */
function curves({ plan, runs }: Report): Picture[] {
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
    return lines.length === 0 ? [] : [{ title: armTitle(arm), svg: lineChart(armTitle(arm), lines, curveAxis) }];
  });
}

/** How many nines a percentile has, so that the far ones are not all in one place: 90% is 1, 99.9% is 3. */
function nines(percent: number): number {
  return -Math.log10(1 - percent / 100);
}

const curveAxis = {
  x: {
    label: "percentile",
    ticks: [50, 90, 99, 99.9].map((percent) => [nines(percent), String(percent)] as const),
  },
  y: "ms",
};

function costs({ costs }: Report): Picture[] {
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

/** What each block gave, so that a drift or an outlier can be seen. */
function blocks({ figures, plan }: Report): Picture[] {
  const shown = (arm: RequestArm) => figures.filter((figure) => figure.arm === arm.id && figure.metric === "p99");
  return plan.arms.filter(hasSchedule).flatMap((arm) => {
    const lines = shown(arm).map(({ scenario, values }: Figure): Line => ({ name: scenario, points: values }));
    const ticks = Array.from({ length: plan.blocks }, (_, index) => [index + 1, String(index + 1)] as const);
    const every = ticks.filter(([block]) => block === 1 || plan.blocks <= 12 || block % 10 === 0);
    const title = `p99, ${armTitle(arm)}`;
    if (lines.length === 0) return [];
    return [{ title, svg: lineChart(title, lines, { x: { label: "block", ticks: every }, y: "ms" }, true) }];
  });
}
