import assert from "node:assert/strict";
import { requestVariable, type BenchmarkRequest } from "../../components/benchmark/run/request";
import type { Registration } from "../../embedded/program/run-program";
import { runStack } from "../support/program";

const commandType = "command:local:Command";
const onNodes = {
  "talos-mesh:cluster": {
    ...{ kind: "existing", name: "shared", kubeconfig: { file: "./kubeconfig", context: "admin" } },
    ...{ workers: null, apiServerPort: null },
  },
  "talos-mesh:charts": { source: "https://charts.example.com" },
};
const benchmark = { scenarios: ["none", "sidecar"], qps: [100], runId: "1" };
const inputsOf = (command: Registration) =>
  command.inputs as { create: string; update: string; delete: string; environment: Record<string, string> };

describe("the benchmark of a stack", function () {
  // Each runs the whole program, some of them four times.
  this.timeout(90_000);

  it("waits for the mesh and the application in a stack without policies", async () => {
    const open = { mesh: { mtls: "PERMISSIVE" }, traffic: { services: [] }, security: null };
    const run = await runStack({ overrides: { ...onNodes, ...open, benchmark } });
    const command = run.one(commandType, "benchmark-run");
    for (const name of ["istio-istiod", "istio-cni"]) {
      assert.ok(run.dependsOn(command, run.one("Release", name)), name);
      assert.ok(run.dependsOn(run.one("Deployment", "bookinfo-ratings-v1"), run.one("Release", name)), name);
    }
    assert.ok(run.dependsOn(command, run.one("Deployment", "bookinfo-ratings-v1")));
  });

  it("is a command that comes after everything else, with its kubeconfig on stdin only", async () => {
    const run = await runStack({ overrides: { ...onNodes, benchmark } });
    const command = run.one(commandType, "benchmark-run");
    const { environment, create, update, delete: remove } = inputsOf(command);
    assert.equal(create, "exec node components/benchmark/run/run.cjs measure");
    assert.deepEqual([update, remove], [create, "exec node components/benchmark/run/run.cjs remove"]);
    const request = JSON.parse(environment[requestVariable] ?? "") as BenchmarkRequest;
    assert.deepEqual(
      [request.stack, request.settings.scenarios, request.mesh.version],
      ["dev", ["none", "sidecar"], "1.31.1"],
    );
    assert.equal(environment.TALOS_MESH_BENCHMARK_CONTEXT, "admin");
    const releases = run.byType("Release");
    for (const name of ["istio-istiod", "observability-prometheus", "observability-grafana"]) {
      assert.ok(
        releases.some((release) => release.name === name),
        name,
      );
    }
    for (const release of releases) assert.ok(run.dependsOn(command, release), release.name);
    for (const object of run.byType("CustomResource")) assert.ok(run.dependsOn(command, object), object.name);
    assert.equal(
      run.byType(commandType).some((other) => other !== command && run.dependsOn(other, command)),
      false,
    );
  });

  it("has the same input for the same settings, and another for another runId", async () => {
    const requestFor = async (settings: object) =>
      inputsOf((await runStack({ overrides: { ...onNodes, benchmark: settings } })).one(commandType, "benchmark-run"))
        .environment[requestVariable];
    assert.equal(await requestFor(benchmark), await requestFor(benchmark));
    assert.notEqual(await requestFor(benchmark), await requestFor({ ...benchmark, runId: "2" }));
  });

  it("adds its summary and the path of its report to the outputs of the stack", async () => {
    const result = { identity: "0", state: "measured", sentences: ["sidecar adds 2 ms"], budgets: {}, report: "a/b" };
    const printed = (stdout: string) =>
      runStack({
        overrides: { ...onNodes, benchmark },
        outputsFor: ({ name }) => (name === "benchmark-run" ? { stdout } : undefined),
      });
    const { outputs } = await printed(JSON.stringify(result));
    assert.deepEqual(outputs.benchmark, ["sidecar adds 2 ms", "Report: a/b/report.html"]);
    assert.deepEqual((await printed("")).outputs.benchmark, []);
    assert.deepEqual((await runStack({ overrides: onNodes })).outputs.benchmark, []);
  });

  it("is refused before any resource is created where an arm cannot run as planned", async () => {
    const tooFew = { ...benchmark, qps: [1], connections: [64], duration: "10s" };
    await assert.rejects(
      runStack({ overrides: { ...onNodes, benchmark: tooFew } }),
      /talos-mesh:benchmark: http-c64-q1-1024B has 10 requests in 10 s, fewer than two for each connection/,
    );
  });

  it("runs nothing on simulated nodes, and does not exist without its section", async () => {
    const simulated = await runStack({ overrides: { benchmark } });
    assert.equal(simulated.byType("talos-mesh:benchmark:Benchmark").length, 1);
    assert.equal(
      simulated.byType(commandType).some(({ name }) => name.startsWith("benchmark")),
      false,
    );
    const without = await runStack({ overrides: onNodes });
    assert.deepEqual(without.byType("talos-mesh:benchmark:Benchmark"), []);
  });
});
