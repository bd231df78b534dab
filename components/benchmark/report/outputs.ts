import { readFileSync } from "node:fs";
import path from "node:path";
import { markdownTable, markdownText } from "../../shared/markdown";
import { components } from "../metrics/record";
import { metrics } from "../metrics/registry";
import { confidence } from "../statistics/intervals";
import { type Chart, chartsOf, escapeHtml } from "./charts";
import { readRun } from "./figures";
import type { Report } from "./report";
import { warningsOf } from "./summary";
import { type Table, tablesOf } from "./tables";

const title = "What the mesh costs";
const legend = `Values are medians over blocks, with ${confidence}% intervals in brackets.`;

/** report.md, for a pull request or a wiki. */
export function markdownOf(report: Report): string {
  const warnings = warningsOf(report).flatMap((warning) => [`**${markdownText(warning)}**`, ""]);
  const summary = report.sentences.map((sentence) => `- ${markdownText(sentence)}`);
  const tables = tablesOf(report).flatMap(tableMarkdown);
  return `${[`# ${title}`, "", ...warnings, ...summary, "", legend, ...tables].join("\n")}\n`;
}

function tableMarkdown({ title, note, head, rows }: Table): string[] {
  return ["", `## ${title}`, "", ...(note === undefined ? [] : [note, ""]), ...markdownTable(head, rows)];
}

const csvHead = ["block", "arm", "scenario", "startedAt", "valid", "problems", "metric", "unit", "value"];

/** report.csv: a line for every value of every run, invalid runs included. */
export function csvOf({ plan, runs }: Report): string {
  const rows = runs.flatMap((run) => {
    const arm = plan.arms.find(({ id }) => id === run.arm);
    const measured = metrics.runs
      .filter(({ lostOf }) => lostOf === undefined)
      .map((metric) => [metric.name, metric.unit, arm && readRun(metric, arm, run)] as const);
    const used = components.flatMap((component) =>
      metrics.costs.map(({ name, counter }) => {
        const usage = run.usage[component];
        return [`${component} ${name}`, counter.unit, usage && counter.read(usage)] as const;
      }),
    );
    const stolen = (["client", "server"] as const).map((side) => {
      const share = run.stolen?.[side];
      return [`${side} node steal`, "%", share === undefined ? undefined : 100 * share] as const;
    });
    const values = [...measured, ...used, ...stolen].filter(([, , value]) => value !== undefined);
    const key = [run.block, run.arm, run.scenario, run.startedAt, run.problems.length === 0, run.problems.join("; ")];
    return values.length > 0 ? values.map((value) => [...key, ...value]) : [[...key, "", "", ""]];
  });
  return [csvHead, ...rows].map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
}

/** RFC 4180. A leading character that a spreadsheet would take for a formula is escaped. */
function csvCell(value: string | number | boolean | undefined): string {
  const text = String(value);
  if (typeof value !== "string" || !/[",\r\n]|^[=@+-]/.test(text)) return text;
  return `"${text.replace(/^([=@+-])/, "'$1").replaceAll('"', '""')}"`;
}

/** report.html: one self-contained page, without scripts, fonts or images from elsewhere. */
export function htmlOf(report: Report): string {
  const tables = tablesOf(report);
  const style = readFileSync(path.join(__dirname, "report.css"), "utf8");
  const isFirst = (table: Table) => table.title === "Budgets";
  const body = [
    `<h1>${title}</h1>`,
    ...warningsOf(report).map((warning) => `<p class="warning">${escapeHtml(warning)}</p>`),
    `<ul class="summary">${report.sentences.map((each) => `<li>${escapeHtml(each)}</li>`).join("")}</ul>`,
    `<p class="note">${legend}</p>`,
    ...tables.filter(isFirst).map(tableHtml),
    ...[...chartsOf(report)].flatMap(([heading, charts]) => sectionHtml(heading, charts)),
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
