import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { text } from "node:stream/consumers";
import { tmpdir } from "node:os";
import path from "node:path";
import { benchmarkPlan, planIdentity } from "../../../components/benchmark/plan/plan";
import { resolveBenchmark } from "../../../components/benchmark/plan/settings";
import { limitProgress, previousOf } from "../../../components/benchmark/run/main";
import { previousVariable, requestVariable } from "../../../components/benchmark/run/request";
import { benchmark } from "../../../components/settings/sections/benchmark";
import { ReadOnlyApi, type StoredObject } from "./fake-api";

const program = path.resolve(__dirname, "../../../components/benchmark/run/run.cjs");
const node = (name: string): StoredObject => ({
  ...{ apiVersion: "v1", kind: "Node", metadata: { name, uid: `of-${name}` }, spec: {} },
  status: {
    ...{ capacity: { cpu: "4" }, nodeInfo: { kernelVersion: "6.12" } },
    conditions: [{ type: "Ready", status: "True" }],
  },
});
const settings = benchmark.parse({
  ...{ scenarios: ["none", "sidecar"], budgets: { "sidecar.p99": { max: 5 } } },
});
const mesh = { version: "1.31.1" };
const earlier = {
  ...{ identity: planIdentity(benchmarkPlan(resolveBenchmark(settings)), mesh.version), state: "measured" },
  ...{ sentences: ["sidecar adds 2 ms"], budgets: {} },
  known: {
    nodes: ["worker-1 6.12 of-worker-1", "worker-2 6.12 of-worker-2"],
    bounds: { sidecar: { p99: { upper: 4, where: "HTTP" } } },
  },
};

describe("the result of the last run", () => {
  it("is used where it is a result of this release", () => {
    assert.deepEqual(previousOf(JSON.stringify(earlier)), earlier);
    const { known, ...unknown } = earlier;
    assert.deepEqual([known.nodes.length, previousOf(JSON.stringify(unknown))], [2, unknown]);
  });

  for (const [what, printed] of [
    ["nothing", undefined],
    ["empty", ""],
    ["no JSON", "Report: /tmp/report.html"],
    ["JSON without an identity", "[]"],
    ["null", "null"],
    ["a result without bounds", JSON.stringify({ ...earlier, known: { nodes: ["worker-1 6.12"] } })],
    [
      "a result whose nodes are another thing",
      JSON.stringify({ ...earlier, known: { ...earlier.known, nodes: "two" } }),
    ],
  ] as const) {
    it(`is ignored where it is ${what}`, () => assert.equal(previousOf(printed), undefined));
  }
});

describe("the command of a deployment", function () {
  // Two processes, which load this program's sources each.
  this.timeout(60_000);
  let api: ReadOnlyApi;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-bench-"));
    api = await ReadOnlyApi.start([node("worker-1"), node("worker-2"), { ...node("a"), kind: "Namespace" }]);
  });
  after(async () => {
    await api.stop();
    rmSync(folder, { recursive: true });
  });

  async function run(verb: "measure" | "remove", previous: string, kubeconfig = api.kubeconfig) {
    const child = spawn(process.execPath, [program, verb], {
      cwd: folder,
      env: {
        ...process.env,
        [requestVariable]: JSON.stringify({ stack: "test", settings, mesh }),
        [previousVariable]: previous,
      },
    });
    child.stdin.end(kubeconfig);
    const [stdout, stderr, code] = await Promise.all([
      ...[text(child.stdout), text(child.stderr)],
      new Promise<number | null>((resolve) => child.once("close", resolve)),
    ] as const);
    return { stdout, stderr, code };
  }

  it("judges other budgets by the variable that Pulumi sets, and prints the result for the next one", async () => {
    const { stdout, stderr, code } = await run("measure", JSON.stringify({ ...earlier, report: "a/b" }));
    assert.equal(code, 0, stderr);
    // Its report lies where that one ran.
    assert.deepEqual(JSON.parse(stdout), { ...earlier, budgets: settings.budgets });
    assert.match(stderr, /Budgets were judged on results of an earlier deployment/);
    assert.match(stderr, /budget sidecar\.p99, sidecar: within: 4\.00 of 5\.00 ms/);
  });

  it("measures where the variable holds something else", async () => {
    const { stdout, stderr, code } = await run("measure", "Report: report.html");
    assert.deepEqual([stdout, code], ["", 1]);
    assert.match(stderr, /benchmark measure: .*nothing may be changed/);
  });

  it("succeeds with a warning where a stack is destroyed whose cluster is gone already", async () => {
    const gone = await ReadOnlyApi.start([]);
    const { kubeconfig } = gone;
    await gone.stop();
    const { stderr, code } = await run("remove", "", kubeconfig);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^Warning: namespaces bench-\* are not removed, if there are any: .*ECONNREFUSED/);
  });
});

describe("the log of a benchmark under Pulumi", () => {
  const loggedOf = (lines: readonly string[]) => {
    const logged: string[] = [];
    const log = limitProgress((line) => logged.push(line));
    for (const line of lines) log(line);
    return logged;
  };
  const progress = (total: number, text: string) =>
    Array.from({ length: total }, (_, index) => `[${index + 1}/${total}] ${text}`);

  it("is complete for a small plan", () => {
    assert.equal(loggedOf(progress(200, "p99 1 ms")).length, 200);
  });

  it("stays below what one environment variable can hold, up to the last run", () => {
    const logged = loggedOf(progress(5000, "does not count, steal; once more".padEnd(200, "."))).filter(Boolean);
    assert.ok(logged.length >= 200 && logged.join("\n").length < 100 * 1024, String(logged.length));
    assert.match(logged.at(-1) ?? "", /^\[5000\/5000\]/);
    assert.ok(loggedOf(progress(5000, "x".repeat(2000))).join("\n").length < 100 * 1024);
  });

  it("leaves out lines of progress only", () => {
    const others = ["budget p99: exceeded", "Report: report.html"];
    assert.deepEqual(loggedOf([...progress(9000, "x".repeat(500)), ...others]).slice(-2), others);
  });
});
