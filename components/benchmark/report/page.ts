import { readFileSync } from "node:fs";
import path from "node:path";
import { type Arm, armTitle, type Scenario } from "../metrics/record";
import { type CostMetric, isShown, metrics, type RunMetric } from "../metrics/registry";
import { formatEstimate, formatNumber } from "../statistics/intervals";
import { budgetLines, judgedScenarios } from "./budgets";
import { escapeHtml, foldedHtml, htmlPage, tableHtml } from "../../shared/html";
import { picturesOf, stabilityOf } from "./charts";
import { effectOf, findFigure } from "./figures";
import { legend, title } from "./outputs";
import type { Report } from "./report";
import { summaryArm, summaryCosts, warningsOf } from "./summary";
import { type Table, tablesOf } from "./tables";

/** report.html: one self-contained page, without scripts, fonts or images from elsewhere. */
export function htmlOf(report: Report): string {
  const style = readFileSync(path.join(__dirname, "report.css"), "utf8");
  const missed = report.budgets.filter(({ verdict }) => verdict !== "within");
  const colors = report.plan.scenarios.map((scenario) => `<span><i class="${scenario}"></i> ${scenario}</span>`);
  const body = [
    `<h1>${title}</h1>`,
    ...warningsOf(report).map((warning) => `<p class="warning">${escapeHtml(warning)}</p>`),
    answerHtml(report),
    '<ul class="summary">',
    ...budgetLines(missed).map((line) => `<li class="warning">${escapeHtml(line)}</li>`),
    ...report.sentences.map((sentence) => `<li>${escapeHtml(sentence)}</li>`),
    "</ul>",
    '<div class="pictures">',
    ...[...picturesOf(report)].flatMap(([question, pictures]) =>
      pictures.length > 0 ? [`<section><h2>${question}</h2>${pictures.join("\n")}</section>`] : [],
    ),
    "</div>",
    foldedHtml("Was the measurement stable?", [
      `<p class="legend">${colors.join("")}</p><div class="plots">${stabilityOf(report).join("\n")}</div>`,
    ]),
    ...tablesOf(report).map((table) => foldedHtml(table.title, noteAndTable(table))),
  ];
  return htmlPage(title, style, body);
}

/** The columns of the first table: metrics of the registry with their headings. */
const answers = new Map([
  ["p50", "p50"],
  ["p99", "p99"],
  ["cpu", "CPU"],
  ["memory", "Memory per proxy"],
  ["throughput lost", "Throughput lost"],
]);

function answerHtml(report: Report): string {
  const { plan } = report;
  const { arm: first, where } = summaryArm(plan);
  const columns = [...answers].flatMap(([name, heading]) => {
    const metric = [...metrics.runs, ...metrics.costs].find((each) => each.name === name);
    const arm = [first, ...plan.arms].find((each) => metric && isShown(metric, each)) ?? first;
    return metric ? [{ metric, arm, heading }] : [];
  });
  const head = columns.map(({ metric: { unit }, arm, heading }) => {
    const load = arm === first ? "" : `, ${armTitle(arm)}`;
    return `<th>${heading} <small>${escapeHtml(`${unit}${load}`)}</small></th>`;
  });
  const rows = judgedScenarios(plan.scenarios).map((scenario) => {
    const cells = columns.map(({ metric, arm, heading }) => {
      const value = answerOf(report, metric, arm, scenario);
      const [median, interval = ""] = value ? formatEstimate(value).split(/ (?=\[)/) : [];
      return (
        `<td data-heading="${heading}, ${metric.unit}">` +
        `${median === undefined ? "not measured" : `<strong>${median}</strong> ${interval}`}` +
        `${verdicts(report, metric, scenario)}</td>`
      );
    });
    return `<tr><th>${scenario}</th>${cells.join("")}</tr>`;
  });
  return (
    `<table class="answer"><caption>Overhead compared with no mesh, ${escapeHtml(where)}. ${legend}</caption>` +
    `<thead><tr><td></td>${head.join("")}</tr></thead><tbody>${rows.join("\n")}</tbody></table>`
  );
}

function answerOf(report: Report, metric: RunMetric | CostMetric, arm: Arm, scenario: Scenario) {
  if ("counter" in metric) return summaryCosts(report, metric, arm, scenario)[0]?.found;
  return effectOf(metric, findFigure(report.figures, [arm.id, scenario], metric.name));
}

const signs = { within: "✓", exceeded: "✗", "not measured": "?" } as const;

/** The upper bound that a budget is compared with is that of the arm where it is highest, which may be another one. */
function verdicts({ budgets }: Report, metric: RunMetric | CostMetric, scenario: Scenario): string {
  const name = metric.budget?.name ?? metric.name;
  const judged = budgets.filter((budget) => budget.scenario === scenario && budget.metric === name);
  const lines = judged.map(({ verdict, max, upper }) => {
    const bound = upper === undefined ? "" : `: ${formatNumber(upper)} of ${formatNumber(max)}`;
    return `<small class="${verdict}">${signs[verdict]} ${verdict}${bound}</small>`;
  });
  return lines.join("") || "<small>no budget</small>";
}

function noteAndTable({ note, head, rows }: Table): string[] {
  return [note === undefined ? "" : `<p class="note">${escapeHtml(note)}</p>`, tableHtml(head, rows)];
}
