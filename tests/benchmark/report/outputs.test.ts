import assert from "node:assert/strict";
import { countRuns } from "../../../components/benchmark/report/figures";
import { csvOf, markdownOf } from "../../../components/benchmark/report/outputs";
import { htmlOf } from "../../../components/benchmark/report/page";
import { type Report, reportOf } from "../../../components/benchmark/report/report";
import { benchmark } from "../../../components/settings/sections/benchmark";
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

  it("include a self-contained HTML page, whose answer comes first and whose tables are folded", () => {
    const html = htmlOf(report);
    assert.doesNotMatch(html, /<script|<link|src=|href=|https?:\/\/|NaN|undefined|Infinity/);
    assert.match(html, /<title>Service mesh overhead<\/title>/);
    const body = html.slice(html.indexOf("<body>"));
    const parts = [
      "<h1>Service mesh overhead</h1>",
      '<table class="answer"><caption>Overhead compared with no mesh, at 1000 requests a second over 10 connections.',
      "<h2>How much latency is added?</h2>",
      "<h2>What does it cost in CPU and memory?</h2>",
      "<h2>How much throughput is lost?</h2>",
      "<details><summary>Was the measurement stable?</summary>",
      "<details><summary>Figures</summary>",
      "<details><summary>Environment</summary>",
    ];
    const positions = parts.map((part) => body.indexOf(part));
    assert.deepEqual(
      positions,
      [...positions].sort((a, b) => a - b),
    );
    assert.ok(!positions.includes(-1), parts[positions.indexOf(-1)]);
    for (const element of ["figure", "details", "ul", "li", "table", "section"]) {
      const [opened, closed] = [`<${element}[ >]`, `</${element}>`].map((tag) => html.match(new RegExp(tag, "g")));
      assert.equal(opened?.length, closed?.length, element);
    }
  });

  it("give in the first table each data plane's effects with intervals, and verdicts on the budgets", () => {
    const budgets = { "sidecar.p99": { max: 1 }, cpu: { max: 0.5 }, "ambient.p99.9": { max: 0.01 } };
    const html = htmlOf(reportOf(known, { budgets: benchmark.parse({ budgets }).budgets }));
    const [, table = ""] = /<table class="answer">([^]*?)<\/table>/.exec(html) ?? [];
    const cells = [...table.matchAll(/<t[hd](?: data-heading="[^"]*")?>(.*?)<\/t[hd]>/g)].map(([, cell = ""]) => cell);
    const rows = [0, 1, 2].map((row) => cells.slice(6 * row, 6 * row + 6).map((cell) => cell.replace(/<[^>]*>/g, "")));
    assert.deepEqual(rows[0], [
      ...["", "p50 ms", "p99 ms", "CPU vCPU per 1,000 requests a second", "Memory per proxy MiB"],
      "Throughput lost %, TCP 1 stream upload",
    ]);
    assert.equal(rows[1]?.[0], "sidecar");
    assert.match(rows[1][1] ?? "", /^1\.\d\d \[[\d.]+, 1\.\d\d\]no budget$/);
    assert.match(rows[1][2] ?? "", /^(1\.9|2\.0)\d \[1\.\d\d, 2\.\d\d\]✗ exceeded: 2\.\d\d of 1\.00$/);
    assert.equal(rows[1][3], "0.200 [0.200, 0.200]✓ within: 0.200 of 0.500");
    assert.equal(rows[1][4], "60.0 [60.0, 60.0]no budget");
    assert.match(rows[1][5] ?? "", /^\d\d\.\d \[[34]\d\.\d, 4\d\.\d\]no budget$/);
    assert.equal(rows[2]?.[0], "ambient");
    assert.equal(cells.length, 18);
    assert.match(html, /<li class="warning">budget ambient\.p99\.9, ambient: exceeded: .* of 0\.0100 ms<\/li>/);
  });

  it("answer questions with pictures of bars grouped by load, and show every arm block by block", () => {
    const result = reportOf(
      measured({ ...standardSettings, qps: [0, 100, 1000], connections: [4, 16], blocks: 7 }),
      noBudgets,
    );
    const html = htmlOf(result);
    const [, growth = ""] = /<h2>How does it grow with load\?<\/h2>([^]*?)<\/section>/.exec(html) ?? [];
    assert.deepEqual(
      [...growth.matchAll(/<p>([^<]*)</g)].map(([, load]) => load),
      ["100/s, 4", "1000/s, 4", "100/s, 16", "1000/s, 16"].map((load) => `HTTP ${load} connections, 1024 B`),
    );
    assert.equal(growth.match(/<li><span>(sidecar|ambient|control)</g)?.length, 4 * 3);
    assert.match(growth, /<figcaption>p99, ms<\/figcaption>/);
    assert.match(html, /<i class="none" style="--x:7;--y:[\d.]+" title="block 7, none: [\d.]+"><\/i>/);
    const titles = [...html.matchAll(/<figcaption>([^<]*)</g)].map(([, title]) => title);
    for (const title of ["rate, HTTP saturation, 16 connections, 1024 B", "throughput, TCP 1 stream upload"]) {
      assert.ok(titles.includes(title), title);
    }
    assert.doesNotMatch(html, /NaN|undefined|Infinity/);
    assert.doesNotMatch(htmlOf(report), /grow with load/);
  });

  it("begin with the number of invalid and repeated runs", () => {
    const odd = withChangedRuns(known, ({ scenario, block }) =>
      scenario === "ambient" && block < 3 ? { problems: ["restarted"] } : {},
    );
    const result = reportOf(odd, noBudgets);
    const lost = result.runs.filter(({ problems }) => problems.length > 0).length;
    const warning = `${lost} of ${result.plan.runs} runs are invalid`;
    assert.match(
      htmlOf(result).split("<table")[0] ?? "",
      new RegExp(`class="warning">${warning}, .*: ambient \\d+\\.</p>`),
    );
    assert.match(markdownOf(result), new RegExp(`^# Service mesh overhead\n\n\\*\\*${warning}`));
    const [first] = odd.records.filter(({ problems }) => problems.length > 0);
    assert.ok(first);
    const again = reportOf({ ...odd, records: [...odd.records, { ...first, problems: [] }] }, noBudgets);
    assert.match(
      markdownOf(again),
      new RegExp(
        `\\*\\*${lost - 1} of .* are invalid, .*\\*\\*\n\n\\*\\*1 of ${result.plan.runs} runs were repeated, .*: ambient 1\\.\\*\\*`,
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
    const result = reportOf({ ...odd, records: [disturbed, ...odd.records] }, noBudgets);
    for (const text of [
      "| ambient | 50 | 50 | 0 | 1 | 0.1%, at most 4.0% | 0.0%, at most 0.0% | 2.8%, at most 2.8% |",
      "| sidecar | 50 | 50 | 0 | 0 | not known | not known | not known |",
    ]) {
      assert.ok(markdownOf(result).includes(text), text);
    }
    const steal = csvOf(result)
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
    const result = reportOf(measured({ preset: "article" }), noBudgets);
    const row = result.article.find(({ what, scenario }) => what.startsWith("iperf") && scenario === "sidecar");
    assert.equal(row?.article, 1.88);
    assert.ok(row?.ours?.interval && Math.abs(row.ours.median - 6) < 0.3);
    assert.match(markdownOf(result), /Comparison with the article/);
    assert.match(
      markdownOf(result),
      /\| fortio to details, 10 connections, 100\/s, mean \| sidecar \| 39\.3 \| [\d.]+ \\\[[\d., ]+\] \| ms \|/,
    );
    assert.match(markdownOf(result), /\| ambient \| 2\.35 \| .* \| ms \| the article's had connection errors \|/);
    assert.match(markdownOf(result), /\| sidecar \| 1\.88 \| .* \| the article's went through the ingress gateway \|/);
  });

  it("do not compare fortio's server with the article's details, and compare TCP_STREAM with one stream", () => {
    const plan = { payloadSizes: [178], qps: [100], tcpStreams: [1], sameNode: true, blocks: 7 };
    const result = reportOf(measured({ scenarios: ["none", "sidecar"], ...plan }), noBudgets);
    assert.ok(result.figures.some(({ arm, metric }) => arm === "http-c10-q100-178B" && metric === "mean raw"));
    const ours = result.article.map(({ what, ours }) => [what, ours !== undefined] as const);
    assert.deepEqual(
      new Set(ours.filter(([what]) => what.startsWith("fortio")).map(([, known]) => known)),
      new Set([false]),
    );
    assert.deepEqual(
      result.article
        .filter(({ what }) => what.includes("TCP_STREAM"))
        .map(({ article, ours }) => [article, ours?.blocks]),
      [
        [1.50668, 7],
        [0.61056, 7],
      ],
    );
  });
});
