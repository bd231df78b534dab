import { formatSeconds } from "../../shared/duration";
import { gates } from "../measure/validity";
import { armTitle, type Component } from "../metrics/record";
import { number, withInterval } from "../statistics/intervals";
import { median } from "../statistics/percentiles";
import { type Figure, runsByScenario } from "./figures";
import type { Report } from "./report";

/** A table of the report, in words: what Markdown and HTML both show. */
export interface Table {
  readonly title: string;
  /** What one has to know to read it. */
  readonly note?: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Every table of a report that has rows. */
export function tablesOf(report: Report): Table[] {
  return [budgets, figures, costs, differing, baseline, article, runs, invalid, scenarios, environment]
    .map((make) => make(report))
    .filter(({ rows }) => rows.length > 0);
}

function budgets({ budgets }: Report): Table {
  return {
    title: "Budgets",
    note:
      "Judged on the upper bound of the 95% interval, of the arm where it is highest; not measured where one arm has none, " +
      "or has lost more than a tenth of its runs. Memory is of one proxy, waypoint or ztunnel.",
    head: ["budget", "scenario", "at most", "upper bound", "unit", "where", "verdict"],
    rows: budgets.map(({ name, scenario, max, upper, unit, where, why, verdict, onExceed }) => [
      ...[name, scenario, number(max), upper === undefined ? "-" : number(upper), unit],
      [where, why].filter((part) => part !== undefined).join(": "),
      verdict === "within" ? verdict : `${verdict} (${onExceed})`,
    ]),
  };
}

function figures({ figures }: Report): Table {
  return {
    title: "Figures",
    note:
      "Medians over blocks with their 95% intervals. Latencies count from when a request was due; those named raw are what the " +
      "client measures, which leaves out requests that would have waited. Differences are medians of those to none within " +
      "a block; p is of the signed-rank test, adjusted by Holm over a family: the headline (p99 of the sentences above), " +
      "and beside it all differences of a metric; the control apart. An interval is of its one figure, and not adjusted.",
    head: ["arm", "metric", "scenario", "value", "unit", "difference to none", "p", "blocks"],
    rows: figures.map((figure) => [
      ...[figure.title, figure.metric, figure.scenario, withInterval(figure.estimate), figure.unit],
      ...differenceCells(figure),
      blocksCell(figure),
    ]),
  };
}

function differenceCells({ difference }: Figure): [string, string] {
  if (!difference) return ["-", "-"];
  const p = difference.p < 0.0001 ? "< 0.0001" : difference.p.toFixed(4);
  const { significant, blocksNeeded } = difference;
  const verdict = blocksNeeded === undefined ? "chance" : `too few blocks to tell: it takes ${blocksNeeded}`;
  return [withInterval(difference), significant ? p : `${p} (${verdict})`];
}

/** A block counts for a difference where its runs of both scenarios do. */
function blocksCell({ estimate, difference }: Figure): string {
  const { blocks } = estimate;
  return difference && difference.blocks < blocks ? `${blocks} (${difference.blocks} pairs)` : String(blocks);
}

function costs({ costs }: Report): Table {
  const whose: Partial<Record<Component | "mesh", string>> = { mesh: "all together" };
  return {
    title: "Cost",
    note:
      "vCPU per 1,000 requests a second, what is used without load taken off: of proxies and waypoints as measured at the " +
      "start, of ztunnel and istiod, which everything shares, as in the block's run of none. Memory (working set) is of one " +
      "container, and in the last line of each of all containers together.",
    head: ["arm", "scenario", "part", "vCPU per 1,000/s", "MiB"],
    rows: costs.map(({ title, scenario, component, cpu, memory }) => [
      ...[title, scenario, whose[component] ?? component, cpu ? withInterval(cpu) : "not measured"],
      withInterval(memory),
    ]),
  };
}

function baseline({ baseline }: Report): Table {
  return {
    title: "Beside the baseline",
    note:
      baseline &&
      `Of ${baseline.finishedAt} (${baseline.identity}). A change is the difference of two medians with its 95% interval, and ` +
        '"agrees" where that holds zero. In the differences to none the conditions of the two days drop out; in the values they do not.',
    head: ["arm", "metric", "scenario", "of", "before", "now", "change", "unit", "verdict"],
    rows: (baseline?.changes ?? []).map(({ title, metric, scenario, of, before, now, change, unit, verdict }) => [
      ...[title, metric, scenario, of === "value" ? of : "difference to none", number(before), number(now)],
      ...[withInterval(change), unit, verdict],
    ]),
  };
}

function differing({ baseline }: Report): Table {
  return {
    title: "What is not as it was for the baseline",
    head: ["what", "before", "now"],
    rows: (baseline?.differing ?? []).map(({ path, before, now }) => [path, before, now]),
  };
}

function article({ article }: Report): Table {
  return {
    title: 'Beside the article "Istio from A to Y"',
    note: "The article measured each once, on other machines: compare the order of size, and not the digits.",
    head: ["what", "scenario", "article", "ours", "unit", "note"],
    rows: article.some(({ ours }) => ours !== undefined)
      ? article.map(({ what, scenario, article, ours, unit, note = "" }) => [
          ...[what, scenario, number(article), ours ? withInterval(ours) : "not measured", unit, note],
        ])
      : [],
  };
}

function runs(report: Report): Table {
  const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
  const spread = (shares: readonly number[], of = shares.length) =>
    shares.length === 0
      ? "not known"
      : `${percent(median(shares))}, at most ${percent(Math.max(...shares))}${shares.length < of ? ` (known of ${shares.length} of ${of} runs)` : ""}`;
  return {
    title: "Runs",
    note:
      "Of those that count: what the hosts of the nodes gave to others (steal), and what the load generator took of its " +
      `node at the fixed rates, each as median and most; a run above ${percent(gates.stolen)} or ${percent(gates.clientCpu)} ` +
      "does not count. Where the load generator is not known, there were no counters to judge it by.",
    head: [
      ...["scenario", "planned", "count", "do not count", "made again"],
      ...["steal, client's node", "steal, server's node", "load generator"],
    ],
    rows: runsByScenario(report).map(
      ({ scenario, planned, counted, lost, again, stolen, clientShares, atFixedRate }) => [
        ...[scenario, ...[planned, counted, lost, again].map(String)],
        ...[spread(stolen.client, counted), spread(stolen.server, counted)],
        atFixedRate === 0 ? "-" : spread(clientShares, atFixedRate),
      ],
    ),
  };
}

function invalid({ runs, plan }: Report): Table {
  return {
    title: "Runs that do not count",
    head: ["block", "arm", "scenario", "why"],
    rows: runs
      .filter(({ problems }) => problems.length > 0)
      .map(({ block, arm, scenario, problems }) => {
        const known = plan.arms.find(({ id }) => id === arm);
        return [String(block), known ? armTitle(known) : arm, scenario, problems.join("; ")];
      }),
  };
}

function scenarios({ scenarios }: Report): Table {
  return {
    title: "Scenarios",
    head: ["scenario", "state", "what was looked at", "its proxies"],
    rows: scenarios.map(({ scenario, state, reason, truths, proxies = [] }) => [
      ...[scenario, reason ? `${state}: ${reason}` : state, truths.join("; "), proxies.join("; ") || "-"],
    ]),
  };
}

function environment({ environment, plan, startedAt, finishedAt, identity }: Report): Table {
  const node = (facts: Report["environment"]["clientNode"]) =>
    [
      facts.name,
      `${facts.cores} processors`,
      `${number(facts.memoryBytes / 2 ** 30)} GiB`,
      ...[facts.architecture, facts.osImage, `kernel ${facts.kernel}`, facts.containerRuntime],
      ...(facts.mtu === undefined ? [] : [`MTU ${facts.mtu}`]),
      ...(facts.processor === undefined ? [] : [facts.processor]),
      ...(facts.numaNodes === undefined ? [] : [`NUMA nodes: ${countOf(facts.numaNodes)}`]),
      ...(facts.clockSource === undefined ? [] : [`clock ${facts.clockSource}`]),
      ...(facts.governor === undefined ? [] : [`governor ${facts.governor}`]),
    ].join(", ");
  const seconds = (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000;
  return {
    title: "Environment",
    head: ["what", "value"],
    rows: [
      ["time", `${startedAt} to ${finishedAt}${Number.isNaN(seconds) ? "" : ` (${formatSeconds(seconds)})`}`],
      ["plan", `${plan.runs} runs in ${plan.blocks} blocks, seed ${plan.seed}, identity ${identity}`],
      ["Kubernetes", environment.kubernetes],
      ["Istio", environment.istio],
      ["client's node", node(environment.clientNode)],
      ["server's node", node(environment.serverNode)],
      ...environment.images.map((image) => ["image", image]),
      ...(environment.mesh ?? []).map((fact) => ["mesh", fact]),
      ...(environment.withoutCounters ?? []).map((reason) => ["no counters", reason]),
      [
        "not known here",
        "turbo and power limits, who else is on the hosts, the link between the nodes: add them to a quotation",
      ],
    ],
  };
}

/** How many are in a list as Linux writes it: `0-1,4`. */
function countOf(list: string): number {
  return list.split(",").reduce((sum, range) => {
    const [first = NaN, last = first] = range.split("-").map(Number);
    return sum + last - first + 1;
  }, 0);
}
