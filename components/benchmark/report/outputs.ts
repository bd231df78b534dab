import { markdownTable, markdownText } from "../../shared/markdown";
import { components } from "../metrics/record";
import { metrics } from "../metrics/registry";
import { confidence } from "../statistics/intervals";
import { readRun } from "./figures";
import type { Report } from "./report";
import { warningsOf } from "./summary";
import { type Table, tablesOf } from "./tables";

export const title = "Service mesh overhead";
export const legend = `Values are medians over blocks, with ${confidence}% intervals in brackets.`;

/** report.md, for a pull request or a wiki. */
export function markdownOf(report: Report): string {
  const warnings = warningsOf(report).flatMap((warning) => [`**${markdownText(warning)}**`, ""]);
  const summary = report.sentences.map((sentence) => `- ${markdownText(sentence)}`);
  const tables = tablesOf(report).flatMap(tableMarkdown);
  return `${[`# ${title}`, "", ...warnings, ...summary, "", legend, ...tables].join("\n")}\n`;
}

function tableMarkdown({ title, note, head, rows }: Table): string[] {
  return [
    "",
    `## ${title}`,
    "",
    ...(note === undefined ? [] : [note, ""]),
    ...markdownTable(
      head.map(markdownText),
      rows.map((row) => row.map(markdownText)),
    ),
  ];
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
