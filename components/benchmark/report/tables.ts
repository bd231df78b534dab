import path from "node:path";
import { parse } from "yaml";
import { formatSeconds } from "../../shared/duration";
import { filledIn } from "../../shared/files";
import { limits, percent } from "../measure/validity";
import { armTitle } from "../metrics/record";
import { metrics } from "../metrics/registry";
import { confidence, formatEstimate, formatNumber, median } from "../statistics/intervals";
import { costEstimate, countRuns, type Figure, partTitle } from "./figures";
import type { NodeFacts, Report } from "./report";

export interface Table {
  readonly title: string;
  readonly note?: string;
  readonly head: readonly string[];
  readonly rows: readonly Row[];
}

type Row = readonly string[];

export function tablesOf(report: Report): Table[] {
  const { finishedAt, identity } = report.baseline ?? {};
  const values = {
    confidence: String(confidence),
    stolen: percent(limits.stolen),
    clientCpu: percent(limits.clientCpu),
    baseline: `${finishedAt} (${identity})`,
  };
  const rowsOf = { budgets, figures, costs, differing, baseline, article, runs, invalidRuns, scenarios, environment };
  const text = filledIn(path.join(__dirname, "tables.yaml"), values);
  const headings = parse(text) as Readonly<Record<keyof typeof rowsOf, Omit<Table, "rows">>>;
  const ofCosts = [...headings.costs.head, ...metrics.costs.map(({ heading }) => heading)];
  return (Object.keys(rowsOf) as (keyof typeof rowsOf)[])
    .map((name) => ({ ...headings[name], ...(name === "costs" && { head: ofCosts }), rows: rowsOf[name](report) }))
    .filter(({ rows }) => rows.length > 0);
}

function budgets({ budgets }: Report): Row[] {
  return budgets.map(({ name, scenario, max, upper, unit, where, why, verdict, onExceed }) => [
    ...[name, scenario, formatNumber(max), upper === undefined ? "-" : formatNumber(upper), unit],
    [where, why].filter((part) => part !== undefined).join(": "),
    verdict === "within" ? verdict : `${verdict} (${onExceed})`,
  ]);
}

function figures({ figures }: Report): Row[] {
  return figures.map((figure) => [
    ...[figure.title, figure.metric, figure.scenario, formatEstimate(figure.estimate), figure.unit],
    ...differenceCells(figure),
    blocksCell(figure),
  ]);
}

function differenceCells({ difference }: Figure): [string, string] {
  if (!difference) return ["-", "-"];
  const p = difference.p < 0.0001 ? "< 0.0001" : difference.p.toFixed(4);
  const { significant, blocksNeeded } = difference;
  const verdict = blocksNeeded === undefined ? "not significant" : `too few blocks: ${blocksNeeded} are needed`;
  return [formatEstimate(difference), significant ? p : `${p} (${verdict})`];
}

/** A block counts for a difference where the runs of both scenarios are valid. */
function blocksCell({ estimate, difference }: Figure): string {
  const { blocks } = estimate;
  return difference && difference.blocks < blocks ? `${blocks} (${difference.blocks} pairs)` : String(blocks);
}

function costs({ costs }: Report): Row[] {
  return costs.map((cost) => [
    ...[cost.title, cost.scenario, partTitle(cost)],
    ...metrics.costs.map((metric) => {
      const found = costEstimate(cost, metric);
      return found ? formatEstimate(found) : "not measured";
    }),
  ]);
}

function differing({ baseline }: Report): Row[] {
  return (baseline?.differing ?? []).map(({ path, before, now }) => [path, before, now]);
}

function baseline({ baseline }: Report): Row[] {
  return (baseline?.changes ?? []).map(({ title, metric, scenario, of, before, now, change, unit, verdict }) => [
    ...[title, metric, scenario, of === "value" ? of : "difference from none", formatNumber(before)],
    ...[formatNumber(now), formatEstimate(change), unit, verdict],
  ]);
}

function article({ article }: Report): Row[] {
  if (article.every(({ ours }) => ours === undefined)) return [];
  return article.map(({ what, scenario, article, ours, unit, note = "" }) => [
    ...[what, scenario, formatNumber(article), ours ? formatEstimate(ours) : "not measured", unit, note],
  ]);
}

function runs(report: Report): Row[] {
  const spread = (shares: readonly number[], total = shares.length) => {
    if (shares.length === 0) return "not known";
    const known = shares.length < total ? ` (known for ${shares.length} of ${total} runs)` : "";
    return `${percent(median(shares))}, at most ${percent(Math.max(...shares))}${known}`;
  };
  return countRuns(report).map(({ scenario, planned, valid, invalid, repeated, stolen, clientShares, atFixedRate }) => [
    ...[scenario, ...[planned, valid, invalid, repeated].map(String)],
    ...[spread(stolen.client, valid), spread(stolen.server, valid)],
    atFixedRate === 0 ? "-" : spread(clientShares, atFixedRate),
  ]);
}

function invalidRuns({ runs, plan }: Report): Row[] {
  const titles = new Map(plan.arms.map((arm) => [arm.id, armTitle(arm)]));
  return runs
    .filter(({ problems }) => problems.length > 0)
    .map(({ block, arm, scenario, problems }) => [
      String(block),
      titles.get(arm) ?? arm,
      scenario,
      problems.join("; "),
    ]);
}

function scenarios({ scenarios }: Report): Row[] {
  return scenarios.map(({ scenario, state, reason, truths, proxies = [] }) => [
    ...[scenario, reason ? `${state}: ${reason}` : state, truths.join("; "), proxies.join("; ") || "-"],
  ]);
}

function environment({ environment, plan, startedAt, finishedAt, identity }: Report): Row[] {
  const seconds = (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000;
  const duration = Number.isNaN(seconds) ? "" : ` (${formatSeconds(seconds)})`;
  return [
    ["time", `${startedAt} to ${finishedAt}${duration}`],
    ["plan", `${plan.runs} runs in ${plan.blocks} blocks, seed ${plan.seed}, identity ${identity}`],
    ["Kubernetes", environment.kubernetes],
    ["Istio", environment.istio],
    ["client's node", describeNode(environment.clientNode)],
    ["server's node", describeNode(environment.serverNode)],
    ...environment.images.map((image) => ["image", image]),
    ...(environment.mesh ?? []).map((fact) => ["mesh", fact]),
    ...(environment.withoutCounters ?? []).map((reason) => ["no counters", reason]),
    [
      "not known",
      "turbo and power limits, other guests of the hosts, the network between the nodes: add them where you quote figures",
    ],
  ];
}

function describeNode(facts: NodeFacts): string {
  const { mtu, processor, numaNodes, clockSource, governor } = facts;
  const optional = {
    "MTU ": mtu,
    "": processor,
    "NUMA nodes: ": numaNodes && countOf(numaNodes),
    "clock ": clockSource,
    "governor ": governor,
  };
  return [
    facts.name,
    `${facts.cores} cores`,
    `${formatNumber(facts.memoryBytes / 2 ** 30)} GiB`,
    ...[facts.architecture, facts.osImage, `kernel ${facts.kernel}`, facts.containerRuntime],
    ...Object.entries(optional).flatMap(([label, value]) => (value === undefined ? [] : [`${label}${value}`])),
  ].join(", ");
}

/** Number of entries of a list as Linux writes it: `0-1,4`. */
function countOf(list: string): number {
  const ranges = list.split(",").map((range) => range.split("-").map(Number));
  return ranges.reduce((sum, [first = NaN, last = first]) => sum + last - first + 1, 0);
}
