import { formatSeconds } from "../../shared/duration";
import { limits, percent } from "../measure/validity";
import { armTitle } from "../metrics/record";
import { metrics } from "../metrics/registry";
import { confidence, formatEstimate, formatNumber, median } from "../statistics/intervals";
import { costEstimate, countRuns, type Figure } from "./figures";
import type { NodeFacts, Report } from "./report";

export interface Table {
  readonly title: string;
  readonly note?: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function tablesOf(report: Report): Table[] {
  return [budgets, figures, costs, differing, baseline, article, runs, invalidRuns, scenarios, environment]
    .map((table) => table(report))
    .filter(({ rows }) => rows.length > 0);
}

const budgets = ({ budgets }: Report): Table => ({
  title: "Budgets",
  note:
    `A budget is compared with the upper bound of the ${confidence}% interval, of the arm where that bound is highest. It is not ` +
    "measured where an arm has no interval, or more than a tenth of its runs are invalid. Memory is that of one sidecar, " +
    "waypoint or ztunnel.",
  head: ["budget", "scenario", "at most", "upper bound", "unit", "where", "verdict"],
  rows: budgets.map(({ name, scenario, max, upper, unit, where, why, verdict, onExceed }) => [
    ...[name, scenario, formatNumber(max), upper === undefined ? "-" : formatNumber(upper), unit],
    [where, why].filter((part) => part !== undefined).join(": "),
    verdict === "within" ? verdict : `${verdict} (${onExceed})`,
  ]),
});

const figures = ({ figures }: Report): Table => ({
  title: "Figures",
  note:
    `Medians over blocks with ${confidence}% intervals. Latencies count from when a request was due; raw latencies are those that the ` +
    "client measures, which omit requests that would have waited. Differences are medians of the differences from none " +
    "within a block. p is that of Wilcoxon's signed-rank test, adjusted by Holm within a comparison family: the " +
    "comparisons of the summary, and for each metric all others; the control apart. Intervals are not adjusted.",
  head: ["arm", "metric", "scenario", "value", "unit", "difference from none", "p", "blocks"],
  rows: figures.map((figure) => [
    ...[figure.title, figure.metric, figure.scenario, formatEstimate(figure.estimate), figure.unit],
    ...differenceCells(figure),
    blocksCell(figure),
  ]),
});

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

const costs = ({ costs }: Report): Table => ({
  title: "Cost",
  note:
    "CPU is use under load minus use without load: for proxies and waypoints as measured at the start, for ztunnel and " +
    "istiod, which are shared, as in the block's run of none. Memory is the working set of one container; in the line of " +
    "the whole mesh, of all containers.",
  head: ["arm", "scenario", "part", ...metrics.costs.map(({ heading }) => heading)],
  rows: costs.map((cost) => [
    ...[cost.title, cost.scenario, cost.component === "mesh" ? "whole mesh" : cost.component],
    ...metrics.costs.map((metric) => {
      const found = costEstimate(cost, metric);
      return found ? formatEstimate(found) : "not measured";
    }),
  ]),
});

const baseline = ({ baseline }: Report): Table => ({
  title: "Comparison with the baseline",
  note:
    baseline &&
    `The baseline is of ${baseline.finishedAt} (${baseline.identity}). A change is the difference of two medians with its ` +
      `${confidence}% interval; the two agree where that contains zero. Conditions of the day cancel out in the differences from ` +
      "none, and not in the values.",
  head: ["arm", "metric", "scenario", "of", "before", "now", "change", "unit", "verdict"],
  rows: (baseline?.changes ?? []).map(({ title, metric, scenario, of, before, now, change, unit, verdict }) => [
    ...[title, metric, scenario, of === "value" ? of : "difference from none", formatNumber(before)],
    ...[formatNumber(now), formatEstimate(change), unit, verdict],
  ]),
});

const differing = ({ baseline }: Report): Table => ({
  title: "Plan and environment: differences from the baseline",
  head: ["what", "before", "now"],
  rows: (baseline?.differing ?? []).map(({ path, before, now }) => [path, before, now]),
});

const article = ({ article }: Report): Table => ({
  title: 'Comparison with the article "Istio from A to Y"',
  note: "The article measured each figure once, on other machines: compare orders of magnitude only.",
  head: ["what", "scenario", "article", "ours", "unit", "note"],
  rows: article.some(({ ours }) => ours !== undefined)
    ? article.map(({ what, scenario, article, ours, unit, note = "" }) => [
        ...[what, scenario, formatNumber(article), ours ? formatEstimate(ours) : "not measured", unit, note],
      ])
    : [],
});

function runs(report: Report): Table {
  const spread = (shares: readonly number[], of = shares.length) => {
    if (shares.length === 0) return "not known";
    const known = shares.length < of ? ` (known for ${shares.length} of ${of} runs)` : "";
    return `${percent(median(shares))}, at most ${percent(Math.max(...shares))}${known}`;
  };
  return {
    title: "Runs",
    note:
      "Median and maximum over valid runs: steal is CPU time of a node that its host gave to other guests; load generator is " +
      `its share of its node's CPU at fixed rates. Runs above ${percent(limits.stolen)} or ${percent(limits.clientCpu)} are ` +
      "invalid. Where the load generator is not known, its counters are missing and this was not checked.",
    head: [
      ...["scenario", "planned", "valid", "invalid", "repeated"],
      ...["steal, client's node", "steal, server's node", "load generator"],
    ],
    rows: countRuns(report).map(
      ({ scenario, planned, valid, invalid, repeated, stolen, clientShares, atFixedRate }) => [
        ...[scenario, ...[planned, valid, invalid, repeated].map(String)],
        ...[spread(stolen.client, valid), spread(stolen.server, valid)],
        atFixedRate === 0 ? "-" : spread(clientShares, atFixedRate),
      ],
    ),
  };
}

const invalidRuns = ({ runs, plan }: Report): Table => ({
  title: "Invalid runs",
  head: ["block", "arm", "scenario", "why"],
  rows: runs
    .filter(({ problems }) => problems.length > 0)
    .map(({ block, arm, scenario, problems }) => {
      const known = plan.arms.find(({ id }) => id === arm);
      return [String(block), known ? armTitle(known) : arm, scenario, problems.join("; ")];
    }),
});

const scenarios = ({ scenarios }: Report): Table => ({
  title: "Scenarios",
  head: ["scenario", "state", "scenario check", "proxies"],
  rows: scenarios.map(({ scenario, state, reason, truths, proxies = [] }) => [
    ...[scenario, reason ? `${state}: ${reason}` : state, truths.join("; "), proxies.join("; ") || "-"],
  ]),
});

function environment({ environment, plan, startedAt, finishedAt, identity }: Report): Table {
  const seconds = (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000;
  const duration = Number.isNaN(seconds) ? "" : ` (${formatSeconds(seconds)})`;
  return {
    title: "Environment",
    head: ["what", "value"],
    rows: [
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
    ],
  };
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
  return list.split(",").reduce((sum, range) => {
    const [first = NaN, last = first] = range.split("-").map(Number);
    return sum + last - first + 1;
  }, 0);
}
