import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { text } from "node:stream/consumers";
import { tmpdir } from "node:os";
import path from "node:path";
import { benchmarkPlan, planIdentity } from "../../../components/benchmark/plan/plan";
import { resolveBenchmark } from "../../../components/benchmark/plan/settings";
import { previousOf } from "../../../components/benchmark/run/main";
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
  ...{ identity: planIdentity(benchmarkPlan(resolveBenchmark(settings)), mesh, undefined), state: "measured" },
  ...{ sentences: ["sidecar adds 2 ms"], budgets: {} },
  known: {
    nodes: ["worker-1 6.12 of-worker-1", "worker-2 6.12 of-worker-2"],
    bounds: { sidecar: { p99: { upper: 4, where: "HTTP" } } },
  },
};

describe("what the last run printed", () => {
  it("is taken up where it is a result of this release", () => {
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
    it(`is passed over where it is ${what}`, () => assert.equal(previousOf(printed), undefined));
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
    assert.match(stderr, /Judged by what an earlier deployment measured/);
    assert.match(stderr, /budget sidecar\.p99, sidecar: within: 4\.00 of 5\.00 ms/);
  });

  it("measures where the variable holds something else", async () => {
    const { stdout, stderr, code } = await run("measure", "Report: report.html");
    assert.deepEqual([stdout, code], ["", 1]);
    assert.match(stderr, /benchmark: .*nothing may be changed/);
  });

  it("ends well, with a warning, where a stack is destroyed whose cluster has gone before", async () => {
    const gone = await ReadOnlyApi.start([]);
    const { kubeconfig } = gone;
    await gone.stop();
    const { stderr, code } = await run("remove", "", kubeconfig);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^Warning: namespaces bench-\* are not removed, as far as there are any: .*ECONNREFUSED/);
  });
});
