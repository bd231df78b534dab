import type { Report } from "./report";
import { type Table, tablesOf } from "./tables";
import { warningsOf } from "./warnings";

/** The report for a pull request or a wiki. */
export function markdownOf(report: Report): string {
  const warnings = warningsOf(report).flatMap((warning) => [`**${escape(warning)}**`, ""]);
  const sentences = report.sentences.map((sentence) => `- ${escape(sentence)}`);
  const lines = ["# What the mesh costs", "", ...warnings, ...sentences, ...tablesOf(report).flatMap(tableLines)];
  return `${lines.join("\n")}\n`;
}

function tableLines({ title, note, head, rows }: Table): string[] {
  const row = (cells: readonly string[]) => `| ${cells.map(escape).join(" | ")} |`;
  return [
    ...["", `## ${title}`, ""],
    ...(note === undefined ? [] : [note, ""]),
    ...[row(head), row(head.map(() => "---")), ...rows.map(row)],
  ];
}

function escape(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("\n", " ");
}
