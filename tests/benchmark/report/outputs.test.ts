import assert from "node:assert/strict";
import { countRuns } from "../../../components/benchmark/report/figures";
import { csvOf, htmlOf, markdownOf } from "../../../components/benchmark/report/outputs";
import { type Report, reportOf } from "../../../components/benchmark/report/report";
import { standardSettings, measured, withChangedRuns } from "./measured";

const known = measured(standardSettings);
const noBudgets = { budgets: {} };
const report = reportOf(known, noBudgets);

describe("the outputs of the report", () => {
  it("include everything in report.json", () => {
    const read = JSON.parse(JSON.stringify(report)) as Report;
    assert.equal(read.schemaVersion, 2);
    assert.equal(read.runs.length, known.plan.runs.length);
    assert.deepEqual(read.figures.length, report.figures.length);
  });

  it("include a self-contained HTML page", () => {
    const html = htmlOf(report);
    assert.doesNotMatch(html, /<script|<link|src=|href=|https?:\/\/|NaN|undefined|Infinity/);
    assert.equal(html.match(/<svg/g)?.length, html.match(/<\/svg>/g)?.length);
    assert.ok((html.match(/<svg/g)?.length ?? 0) >= 5);
    for (const part of ["Difference from none", "Latency by percentile", "Cost", "Block by block", "Environment"]) {
      assert.ok(html.includes(`<h2>${part}</h2>`), part);
    }
  });

  it("chart p99 by load where the plan has more than one, and every arm block by block", () => {
    const of = reportOf(
      measured({ ...standardSettings, qps: [0, 100, 1000], connections: [4, 16], blocks: 7 }),
      noBudgets,
    );
    const titles = [...htmlOf(of).matchAll(/<figcaption>([^<]*)</g)].map(([, title]) => title);
    for (const title of [
      "p99 by requests a second: HTTP, 4 connections, 1024 B",
      "p99 by connections: HTTP 1000/s, 1024 B",
      "rate, HTTP saturation, 16 connections, 1024 B",
      "throughput, TCP 1 stream upload",
    ]) {
      assert.ok(titles.includes(title), title);
    }
    assert.doesNotMatch(htmlOf(of), /NaN|undefined|Infinity/);
    assert.doesNotMatch(htmlOf(report), /p99 by/);
  });

  it("begin with the number of invalid and repeated runs", () => {
    const odd = withChangedRuns(known, ({ scenario, block }) =>
      scenario === "ambient" && block < 3 ? { problems: ["restarted"] } : {},
    );
    const of = reportOf(odd, noBudgets);
    const lost = of.runs.filter(({ problems }) => problems.length > 0).length;
    const warning = `${lost} of ${of.plan.runs} runs are invalid`;
    assert.match(htmlOf(of).slice(0, 3000), new RegExp(`class="warning">${warning}, .*: ambient \\d+\\.</p>`));
    assert.match(markdownOf(of), new RegExp(`^# What the mesh costs\n\n\\*\\*${warning}`));
    const [first] = odd.records.filter(({ problems }) => problems.length > 0);
    assert.ok(first);
    const again = reportOf({ ...odd, records: [...odd.records, { ...first, problems: [] }] }, noBudgets);
    assert.match(
      markdownOf(again),
      new RegExp(
        `\\*\\*${lost - 1} of .* are invalid, .*\\*\\*\n\n\\*\\*1 of ${of.plan.runs} runs were repeated, .*: ambient 1\\.\\*\\*`,
      ),
    );
    assert.doesNotMatch(markdownOf(report), /\*\*.*(are invalid|were repeated)/);
  });

  it("show by scenario how many runs are valid and repeated, the steal and the load generator's CPU", () => {
    const odd = withChangedRuns(known, ({ scenario, block }) =>
      scenario === "ambient"
        ? { stolen: block === 3 ? { client: 0.04, server: 0 } : { client: 0.001, server: 0 } }
        : scenario === "sidecar"
          ? { usage: {} }
          : {},
    );
    const [first] = odd.records.filter(({ scenario }) => scenario === "ambient");
    assert.ok(first);
    const disturbed = { ...first, problems: ["steal"], stolen: { client: 0.09 } };
    const of = reportOf({ ...odd, records: [disturbed, ...odd.records] }, noBudgets);
    for (const text of [
      "| ambient | 50 | 50 | 0 | 1 | 0.1%, at most 4.0% | 0.0%, at most 0.0% | 2.8%, at most 2.8% |",
      "| sidecar | 50 | 50 | 0 | 0 | not known | not known | not known |",
    ]) {
      assert.ok(markdownOf(of).includes(text), text);
    }
    const steal = csvOf(of)
      .split("\r\n")
      .filter((line) => line.includes("client node steal"));
    assert.ok(steal.some((line) => line.endsWith(",client node steal,%,4")));
    assert.ok(steal.some((line) => line.includes(",false,") && line.endsWith(",client node steal,%,9")));
  });

  it("warn where no run has counters of the load generator", () => {
    const blind = reportOf(
      withChangedRuns(known, () => ({ usage: {} })),
      noBudgets,
    );
    assert.match(markdownOf(blind), /\*\*No run has counters of the load generator/);
    assert.doesNotMatch(markdownOf(report), /No run has counters/);
    assert.doesNotMatch(markdownOf(reportOf(measured({ qps: [0], blocks: 7 }), noBudgets)), /No run has counters/);
  });

  it("compare the load generator with the node that it runs on", () => {
    const near = measured({ scenarios: ["none"], qps: [1000], sameNode: true, tcpStreams: [], transactions: false });
    const { environment } = near;
    const small = { ...environment, serverNode: { ...environment.serverNode, cores: 1 } };
    const [none] = countRuns(reportOf({ ...near, environment: small }, noBudgets));
    const shares = new Set(none?.clientShares.map((share) => share.toFixed(4)));
    assert.deepEqual([...shares].sort(), ["0.0275", "0.1100"]);
  });

  it("count NUMA nodes from their list", () => {
    const shown = ["0", "0-1", "0,2-3"].map((numaNodes) => {
      const { environment } = known;
      const clientNode = { ...environment.clientNode, numaNodes };
      return /NUMA nodes: \d+/.exec(
        markdownOf(reportOf({ ...known, environment: { ...environment, clientNode } }, noBudgets)),
      )?.[0];
    });
    assert.deepEqual(shown, ["NUMA nodes: 1", "NUMA nodes: 2", "NUMA nodes: 3"]);
  });

  it("escape text from outside", () => {
    const evil = reportOf(
      withChangedRuns(known, () => ({ problems: ['<img src=x onerror="a()"> | "quoted"'] })),
      noBudgets,
    );
    assert.doesNotMatch(htmlOf(evil), /<img/);
    assert.doesNotMatch(markdownOf(evil), /<img/);
    assert.match(csvOf(evil), /"<img src=x onerror=""a\(\)""> \| ""quoted"""/);
  });

  it("have a line for every value in the CSV", () => {
    const lines = csvOf(report).trimEnd().split("\r\n");
    assert.equal(lines[0], "block,arm,scenario,startedAt,valid,problems,metric,unit,value");
    assert.ok(lines.every((line) => line.split(",").length === 9));
    const p99 = lines.filter((line) => line.includes(",p99,ms,"));
    assert.equal(p99.length, 10 * 4 * 3);
  });

  it("show the article's figures with ours where the same was measured", () => {
    const of = reportOf(measured({ preset: "article" }), noBudgets);
    const row = of.article.find(({ what, scenario }) => what.startsWith("iperf") && scenario === "sidecar");
    assert.equal(row?.article, 1.88);
    assert.ok(row?.ours?.interval && Math.abs(row.ours.median - 6) < 0.3);
    assert.match(markdownOf(of), /Comparison with the article/);
    assert.match(
      markdownOf(of),
      /\| fortio to details, 10 connections, 100\/s, mean \| sidecar \| 39\.3 \| [\d.]+ \[[\d., ]+\] \| ms \|/,
    );
    assert.match(markdownOf(of), /\| ambient \| 2\.35 \| .* \| ms \| the article's had connection errors \|/);
    assert.match(markdownOf(of), /\| sidecar \| 1\.88 \| .* \| the article's went through the ingress gateway \|/);
  });

  it("do not compare fortio's server with the article's details, and compare TCP_STREAM with one stream", () => {
    const plan = { payloadSizes: [178], qps: [100], tcpStreams: [1], sameNode: true, blocks: 7 };
    const of = reportOf(measured({ scenarios: ["none", "sidecar"], ...plan }), noBudgets);
    assert.ok(of.figures.some(({ arm, metric }) => arm === "http-c10-q100-178B" && metric === "mean raw"));
    const ours = of.article.map(({ what, ours }) => [what, ours !== undefined] as const);
    assert.deepEqual(
      new Set(ours.filter(([what]) => what.startsWith("fortio")).map(([, known]) => known)),
      new Set([false]),
    );
    assert.deepEqual(
      of.article.filter(({ what }) => what.includes("TCP_STREAM")).map(({ article, ours }) => [article, ours?.blocks]),
      [
        [1.50668, 7],
        [0.61056, 7],
      ],
    );
  });
});
