import { markdownTable, markdownText } from "../../shared/markdown";
import { components } from "../metrics/record";
import { metrics, type Registry } from "../metrics/registry";
import { type Chart, chartsOf, escapeHtml } from "./charts";
import { readRun } from "./figures";
import type { Report } from "./report";
import { warningsOf } from "./summary";
import { type Table, tablesOf } from "./tables";

const title = "What the mesh costs";
const legend = "Values are medians over blocks, with 95% intervals in brackets.";

/** report.md, for a pull request or a wiki. */
export function markdownOf(report: Report, registry: Registry = metrics): string {
  const warnings = warningsOf(report).flatMap((warning) => [`**${markdownText(warning)}**`, ""]);
  const summary = report.sentences.map((sentence) => `- ${markdownText(sentence)}`);
  const tables = tablesOf(report, registry).flatMap(tableMarkdown);
  return `${[`# ${title}`, "", ...warnings, ...summary, "", legend, ...tables].join("\n")}\n`;
}

function tableMarkdown({ title, note, head, rows }: Table): string[] {
  return ["", `## ${title}`, "", ...(note === undefined ? [] : [note, ""]), ...markdownTable(head, rows)];
}

const csvHead = ["block", "arm", "scenario", "startedAt", "valid", "problems", "metric", "unit", "value"];

/** report.csv: a line for every value of every run, invalid runs included. */
export function csvOf({ plan, runs }: Report, registry: Registry = metrics): string {
  const rows = runs.flatMap((run) => {
    const arm = plan.arms.find(({ id }) => id === run.arm);
    const measured = registry.runs.flatMap((metric) => {
      const value = arm && metric.lostOf === undefined ? readRun(metric, arm, run) : undefined;
      return value === undefined ? [] : [[metric.name, metric.unit, value] as const];
    });
    const used = components.flatMap((component) =>
      registry.costs.flatMap(({ name, counter }) => {
        const value = run.usage[component] && counter.read(run.usage[component]);
        return value === undefined ? [] : [[`${component} ${name}`, counter.unit, value] as const];
      }),
    );
    const stolen = (["client", "server"] as const).flatMap((side) => {
      const share = run.stolen?.[side];
      return share === undefined ? [] : [[`${side} node steal`, "%", 100 * share] as const];
    });
    const key = [run.block, run.arm, run.scenario, run.startedAt, run.problems.length === 0, run.problems.join("; ")];
    const values = [...measured, ...used, ...stolen];
    return values.length > 0 ? values.map((value) => [...key, ...value]) : [[...key, "", "", ""]];
  });
  return [csvHead, ...rows].map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
}

/** RFC 4180. A leading character that a spreadsheet would take for a formula is escaped. */
function csvCell(value: string | number | boolean): string {
  const text = String(value);
  if (typeof value !== "string" || !/[",\r\n]|^[=@+-]/.test(text)) return text;
  return `"${text.replace(/^([=@+-])/, "'$1").replaceAll('"', '""')}"`;
}

const style = `
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; }
.summary { font-size: 1.15rem; } .note { opacity: .75; } .warning { color: #cf222e; color: light-dark(#cf222e, #ff7b72); font-weight: 600; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(34rem, 100%), 1fr)); gap: 1.5rem; }
figure { margin: 0; } figcaption { font-weight: 600; } svg { width: 100%; height: auto; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; }
th, td { text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
@media print { body { max-width: none; margin: 0; } figure, tr { break-inside: avoid; } .scroll { overflow: visible; } }
`;

/** report.html: one self-contained page, without scripts, fonts or images from elsewhere. */
export function htmlOf(report: Report, registry: Registry = metrics): string {
  const tables = tablesOf(report, registry);
  const isFirst = (table: Table) => table.title === "Budgets";
  const body = [
    `<h1>${title}</h1>`,
    ...warningsOf(report).map((warning) => `<p class="warning">${escapeHtml(warning)}</p>`),
    `<ul class="summary">${report.sentences.map((each) => `<li>${escapeHtml(each)}</li>`).join("")}</ul>`,
    `<p class="note">${legend}</p>`,
    ...tables.filter(isFirst).map(tableHtml),
    ...[...chartsOf(report, registry)].flatMap(([heading, charts]) => sectionHtml(heading, charts)),
    ...tables.filter((table) => !isFirst(table)).map(tableHtml),
  ];
  return (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">' +
    `<meta name="viewport" content="width=device-width"><title>${title}</title>` +
    `<style>${style}</style></head>\n<body>\n${body.join("\n")}\n</body></html>\n`
  );
}

function sectionHtml(heading: string, charts: readonly Chart[]): string[] {
  if (charts.length === 0) return [];
  const figures = charts.map(
    ({ title, svg }) => `<figure><figcaption>${escapeHtml(title)}</figcaption>${svg}</figure>`,
  );
  return [`<h2>${escapeHtml(heading)}</h2><div class="charts">${figures.join("\n")}</div>`];
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
