import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Report } from "../../../components/benchmark/report/report";
import { KubernetesCluster } from "../../../components/benchmark/run/cluster";
import { runBenchmark } from "../../../components/benchmark/run/runner";
import { cleanUp } from "../../../components/benchmark/run/set-up";
import { benchmark } from "../../../components/settings/sections/benchmark";
import { ApiServer } from "../../../components/shared/kubernetes/api-server";
import { skip } from "../../support/skip";

/** Path of a kubeconfig of a cluster that may be measured, and JSON with its images, if not the usual ones. */
const [clusterVariable, imagesVariable] = ["TALOS_MESH_TEST_CLUSTER", "TALOS_MESH_TEST_CLUSTER_IMAGES"] as const;

const settings = benchmark.parse({
  ...{ scenarios: ["none"], control: true, blocks: 7, qps: [100], connections: [4], duration: "2s", warmUp: "500ms" },
  ...{ tcpStreams: [1], tcpDuration: "1s", idle: "2s" },
  images: JSON.parse(process.env[imagesVariable] ?? "{}") as object,
});

describe("a benchmark of none and a second none, in pods of two real nodes", function () {
  // 70 runs of a few seconds each, and pulling images.
  this.timeout(30 * 60_000);
  let cluster: KubernetesCluster;
  let projectRoot: string;
  let report: Report;
  const logged: string[] = [];
  const run = (signal?: AbortSignal, log: (line: string) => void = (line) => logged.push(line)) =>
    runBenchmark(
      { stack: "nodes", settings, mesh: { version: "none" } },
      { cluster, projectRoot, signal, log, sleep: (ms) => delay(ms, undefined, { signal }) },
    );

  before(async function () {
    const kubeconfig = process.env[clusterVariable];
    if (!kubeconfig) skip(this, `${clusterVariable} names no kubeconfig of a cluster with two nodes to measure`);
    cluster = new KubernetesCluster(await ApiServer.open({ kubeconfig: path.resolve(kubeconfig) }));
    const real = (await cluster.nodes()).filter(({ simulated }) => !simulated);
    if (real.length < 2) skip(this, `the cluster of ${clusterVariable} has ${real.length} nodes that take pods, not 2`);
    projectRoot = mkdtempSync(path.join(tmpdir(), "talos-mesh-nodes-"));
    const stop = new AbortController();
    // Stopped in its third run, and started again.
    const halfway = (line: string) => line.startsWith("[2/") && stop.abort(new Error("stopped"));
    await assert.rejects(run(stop.signal, halfway), /stopped/);
    const { report: folder = "" } = await run();
    report = JSON.parse(readFileSync(path.join(projectRoot, folder, "report.json"), "utf8")) as Report;
    for (const form of ["html", "csv", "md"]) assert.ok(existsSync(path.join(projectRoot, folder, `report.${form}`)));
  });
  after(async () => {
    if (projectRoot === undefined) return;
    rmSync(projectRoot, { recursive: true });
    await cleanUp(cluster, (ms) => delay(ms));
    assert.deepEqual(await cluster.namespaces(), []);
  });

  it("continues after the runs that were finished when it was stopped", () => {
    assert.match(logged.join("\n"), /2 of 70 runs are finished already; continuing after them/);
    assert.equal(report.complete, true);
    assert.equal(new Set(report.runs.map(({ id }) => id)).size, 70);
  });

  it("has the client on one node and the server on the other, with kernel and MTU of both", () => {
    const { clientNode, serverNode, images } = report.environment;
    assert.notEqual(clientNode.name, serverNode.name);
    for (const { kernel, mtu } of [clientNode, serverNode]) assert.ok(kernel !== "" && (mtu ?? 0) >= 1280);
    assert.ok(images.length >= 2 && images.every((image) => /\(sha256:[0-9a-f]{64}\)$/.test(image)), images.join(" "));
  });

  it("measures all five kinds of traffic, with most runs valid", () => {
    assert.equal(report.plan.arms.length, 5);
    const valid = report.runs.filter(({ problems, outcome }) => outcome && problems.length === 0);
    const spoilt = report.runs.flatMap(({ problems }) => problems);
    assert.ok(valid.length >= 0.9 * report.runs.length, spoilt.join("\n"));
    for (const { arm } of report.figures.filter(({ scenario }) => scenario === "control")) {
      assert.ok(
        report.figures.some((figure) => figure.arm === arm && figure.difference?.interval),
        arm,
      );
    }
  });

  it("finds no difference between none and none", () => {
    const differences = report.figures.flatMap(({ metric, title, difference }) =>
      difference && metric === "p50" ? [{ title, ...difference }] : [],
    );
    assert.equal(differences.length, 3);
    // One of 20 such reports may have a significant difference; it then has to be negligible.
    for (const { title, significant, median } of differences) {
      assert.ok(!significant || Math.abs(median) < 0.1, `${title}: ${median} ms`);
    }
  });
});
