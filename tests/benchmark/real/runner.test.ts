import assert from "node:assert/strict";
import { type ChildProcess, execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Report } from "../../../components/benchmark/report/report";
import type { ExecResult } from "../../../components/shared/kubernetes/pod-streams";
import { runBenchmark } from "../../../components/benchmark/run/runner";
import { benchmark } from "../../../components/settings/sections/benchmark";
import { skip } from "../../support/skip";
import { FakeCluster } from "../run/fake-cluster";
import { fortioOrSkip, freePort, startFortio, stopServer } from "./tools";

/** Runs the commands of pods on this machine, against a server on the loopback interface. */
class Loopback extends FakeCluster {
  constructor(
    private readonly fortio: string,
    private readonly folder: string,
    private readonly port: number,
  ) {
    super();
  }

  override exec(pod: string, namespace: string, container: string, argv: readonly string[]): Promise<ExecResult> {
    if (argv[0] === "grep" || argv[1] === "curl") return super.exec(pod, namespace, container, argv);
    const [program = "", ...args] = argv.map((arg) =>
      arg
        .replace("/usr/bin/fortio", this.fortio)
        .replace("/work", this.folder)
        .replace("//server:8080", `//127.0.0.1:${this.port}`),
    );
    return new Promise((resolve, reject) => {
      execFile(program, args, { encoding: "buffer", maxBuffer: 2 ** 28 }, (error, stdout, stderr) => {
        if (error && typeof error.code !== "number") reject(new Error(error.message));
        else resolve({ stdout, stderr: stderr.toString("utf8"), exitCode: Number(error?.code ?? 0) });
      });
    });
  }
}

describe("a benchmark of none and a second none, with a real fortio", function () {
  this.timeout(120_000);
  let folder: string;
  let server: ChildProcess | undefined;
  let report: Report;

  before(async function () {
    const fortio = await fortioOrSkip(this);
    this.timeout(120_000);
    folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-loopback-"));
    const port = await freePort();
    server = await startFortio(fortio, port);
    const settings = benchmark.parse({
      ...{ scenarios: ["none"], control: true, blocks: 9, qps: [200], connections: [4], idle: "1s" },
      ...{ duration: "1s", warmUp: "500ms", tcpStreams: [], transactions: false },
    });
    const request = { stack: "loopback", settings, mesh: { version: "1.31.1" } };
    const cluster = new Loopback(fortio, folder, port);
    const sleep = () => Promise.resolve();
    const result = await runBenchmark(request, { cluster, projectRoot: folder, log: () => undefined, sleep });
    report = JSON.parse(readFileSync(path.join(folder, result.report ?? "", "report.json"), "utf8")) as Report;
  });
  after(async () => {
    await stopServer(server);
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  it("makes every run, with raw and corrected latencies from a real log", () => {
    assert.equal(report.complete, true);
    assert.equal(report.runs.length, 18);
    for (const { outcome, problems } of report.runs) {
      assert.ok(outcome?.kind === "requests" && outcome.corrected);
      assert.equal(outcome.failed, 0);
      // On a busy machine fortio makes a few less, and such a run is invalid.
      assert.ok(outcome.requests >= 198 || problems.length > 0, String(outcome.requests));
      assert.ok((outcome.corrected.percentiles["99"] ?? 0) >= (outcome.raw.percentiles["99"] ?? Infinity));
    }
  });

  it("finds no relevant difference", function () {
    const control = report.figures.find(({ scenario, metric }) => scenario === "control" && metric === "p50");
    const { difference } = control ?? {};
    const spoilt = report.runs.filter(({ problems }) => problems.length > 0);
    if (spoilt.length > 2)
      skip(this, `the machine is too busy: ${spoilt.flatMap(({ problems }) => problems).join("; ")}`);
    assert.ok(difference?.interval);
    // A test at 5% finds a difference in 1 of 20 A/A pairs; it then has to be negligible.
    assert.ok(!difference.significant || Math.abs(difference.median) < 0.1, JSON.stringify(difference));
  });
});
