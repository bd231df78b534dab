import { components } from "../metrics/record";
import { type Metric, metrics, valueOf } from "../metrics/registry";
import { blocks, costs, curves, differences, escapeHtml, loads, type Picture } from "./charts";
import type { Report } from "./report";
import { warningsOf } from "./summary";
import { type Table, tablesOf } from "./tables";

const style = `
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; }
.sentences { font-size: 1.15rem; } .note { opacity: .75; } .warning { color: #cf222e; color: light-dark(#cf222e, #ff7b72); font-weight: 600; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(34rem, 100%), 1fr)); gap: 1.5rem; }
figure { margin: 0; } figcaption { font-weight: 600; } svg { width: 100%; height: auto; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; }
th, td { text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
@media print { body { max-width: none; margin: 0; } figure, tr { break-inside: avoid; } .scroll { overflow: visible; } }
`;

/** The report as one page that holds everything: no script, no font, no picture from elsewhere. */
export function htmlOf(report: Report): string {
  const tables = tablesOf(report);
  const first = tables.filter(({ title }) => title === "Budgets");
  const rest = tables.filter(({ title }) => title !== "Budgets");
  const body = [
    "<h1>What the mesh costs</h1>",
    ...warningsOf(report).map((warning) => `<p class="warning">${escapeHtml(warning)}</p>`),
    `<ul class="sentences">${report.sentences.map((each) => `<li>${escapeHtml(each)}</li>`).join("")}</ul>`,
    ...first.map(tableHtml),
    ...section("What is added to none", differences(report)),
    ...section("Latency by percentile", curves(report)),
    ...section("Latency by load", loads(report)),
    ...section("Cost", costs(report)),
    ...section("Block by block", blocks(report)),
    ...rest.map(tableHtml),
  ];
  return (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">' +
    '<meta name="viewport" content="width=device-width"><title>What the mesh costs</title>' +
    `<style>${style}</style></head>\n<body>\n${body.join("\n")}\n</body></html>\n`
  );
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

const head = ["block", "arm", "scenario", "startedAt", "valid", "problems", "metric", "unit", "value"];

/** Every measured value on a line of its own, for spreadsheets and for R; the runs that do not count are marked. */
export function csvOf({ plan, runs }: Report): string {
  const rows = runs.flatMap((run) => {
    const arm = plan.arms.find(({ id }) => id === run.arm);
    const measured = (Object.keys(metrics) as Metric[]).flatMap((metric) => {
      const value = arm && valueOf(metric, arm, run);
      return value === undefined ? [] : [[metric, metrics[metric].unit, value] as const];
    });
    const used = components.flatMap((component) => {
      const usage = run.usage[component];
      if (!usage) return [];
      const memory = [`${component} memory`, "B", usage.memory] as const;
      return usage.cores === undefined ? [memory] : [[`${component} cpu`, "vCPU", usage.cores] as const, memory];
    });
    const stolen = (["client", "server"] as const).flatMap((side) => {
      const share = run.stolen?.[side];
      return share === undefined ? [] : [[`${side} node steal`, "%", 100 * share] as const];
    });
    const place = [run.block, run.arm, run.scenario, run.startedAt, run.problems.length === 0, run.problems.join("; ")];
    const values = [...measured, ...used, ...stolen];
    return values.length > 0 ? values.map((value) => [...place, ...value]) : [[...place, "", "", ""]];
  });
  return [head, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** RFC 4180; a text that a spreadsheet would take for a formula is kept from being one. */
function cell(value: string | number | boolean): string {
  const text = String(value);
  if (typeof value !== "string" || !/[",\r\n]|^[=@+-]/.test(text)) return text;
  return `"${text.replace(/^([=@+-])/, "'$1").replaceAll('"', '""')}"`;
}
