import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { z } from "zod";
import { ExecError } from "../../../components/shared/kubernetes/errors";
import type { MeshState } from "../../../components/benchmark/run/cluster";
import type { BenchmarkResult } from "../../../components/benchmark/run/request";
import { runBenchmark } from "../../../components/benchmark/run/runner";
import { NotMeasurable } from "../../../components/benchmark/run/request";
import type { benchmark } from "../../../components/settings/sections/benchmark";
import { ApiError } from "../../../components/shared/kubernetes/api-server";
import { FakeCluster } from "./fake-cluster";
import { settingsOf } from "./settings-of";

describe("a benchmark that is started again, or breaks", () => {
  let projectRoot: string;
  let cluster: FakeCluster;
  let logged: string[];
  let slept: number[];
  beforeEach(() => {
    projectRoot = mkdtempSync(path.join(tmpdir(), "talos-mesh-bench-"));
    cluster = new FakeCluster();
    logged = [];
    slept = [];
  });
  afterEach(() => rmSync(projectRoot, { recursive: true }));

  const run = (settings: z.input<typeof benchmark> = {}, revision?: string, previous?: BenchmarkResult) => {
    return runBenchmark(
      { stack: "test", settings: settingsOf({ blocks: 3, ...settings }), mesh: { version: "1.31.1", revision } },
      {
        ...{ cluster, projectRoot, previous, log: (line: string) => logged.push(line) },
        sleep: (ms: number) => Promise.resolve(slept.push(ms)),
      },
    );
  };
  const isMeasurement = (command: string) => command.includes("-access-log-file");
  const measured = () => cluster.commands.filter(isMeasurement).length;
  const kept = (name: string) => {
    const folder = path.join(projectRoot, ".talos-mesh/test/benchmark");
    return path.join(folder, readdirSync(folder)[0] ?? "", name);
  };
  /** Ends the benchmark as a kill does, behind its first run. */
  const oneRun = async (settings: z.input<typeof benchmark> = {}) => {
    cluster.commands.length = 0;
    cluster.onExec = () => {
      if (measured() > 1) throw new Error("killed");
    };
    await assert.rejects(run(settings), /killed/);
    cluster.onExec = () => undefined;
    cluster.commands.length = 0;
    logged.length = 0;
  };

  it("measures again on new machines with the old names", async () => {
    await run();
    cluster.uid = "2";
    await run();
    assert.equal(measured(), 6);
    assert.match(
      logged.join("\n"),
      /Measuring again: the earlier runs were on worker-1 6\.12 worker-1-1 and worker-2 /,
    );
  });

  it("does not take the result of old machines for one of new ones, where only the result is left", async () => {
    const result = await run();
    rmSync(path.join(projectRoot, ".talos-mesh"), { recursive: true });
    await run({}, undefined, result);
    assert.equal(measured(), 3, "the machines are the same");
    cluster.uid = "2";
    await run({}, undefined, result);
    assert.equal(measured(), 6);
  });

  const mesh = { config: "accessLogFile: /dev/stdout", objects: [], istiods: 1, proxies: 9, services: 20 };
  for (const [what, change, words] of [
    ["an access log", { config: "{}" }, /mesh: access log: \/dev\/stdout, TEXT became access log: off/],
    ["another Kubernetes", "v1.37.0", /Kubernetes: v1\.36\.3 became v1\.37\.0/],
  ] as const) {
    it(`measures again, and logs why, where ${what} came between two runs`, async () => {
      await oneRun();
      if (typeof change === "string") cluster.version = () => Promise.resolve(change);
      else cluster.meshState = (): Promise<MeshState> => Promise.resolve({ ...mesh, ...change });
      await run();
      assert.equal(measured(), 3);
      assert.match(logged.join("\n"), words);
      assert.match(logged.join("\n"), /Measuring again, because the 1 earlier runs had other conditions/);
    });
  }

  it("measures again where the control plane's revision, a proxy's resources or an image is another", async () => {
    await oneRun();
    await run({}, "canary");
    assert.match(logged.join("\n"), /other conditions: revision: default became canary/);
    cluster.echo = (namespace) => (namespace === "bench-waypoint" ? "x-envoy-attempt-count: 1\n" : "");
    const waypoint = { scenarios: ["none" as const, "waypoint" as const] };
    await oneRun(waypoint);
    const ztunnels = cluster.ztunnels.bind(cluster);
    cluster.ztunnels = async (nodes) =>
      (await ztunnels(nodes)).map((pod) => ({ ...pod, proxy: { image: "", requests: {}, limits: { cpu: "1" } } }));
    await run(waypoint);
    assert.match(logged.join("\n"), /proxies: waypoint: ztunnel on worker-1: .*limits cpu 1/);
    await oneRun({ blocks: 4 });
    const pods = cluster.pods.bind(cluster);
    cluster.pods = async (namespace) =>
      (await pods(namespace)).map((pod) => ({ ...pod, images: ["fortio/fortio:1.66.0 (sha256:2)"] }));
    await run({ blocks: 4 });
    assert.match(logged.join("\n"), /images: fortio\/fortio:1\.66\.0 \(sha256:1\) became .*\(sha256:2\)/);
  });

  it("continues where only more proxies and Services were added", async () => {
    await oneRun();
    cluster.meshState = () => Promise.resolve({ ...mesh, proxies: 12, services: 30 });
    await run();
    assert.equal(measured(), 2);
    assert.match(logged.join("\n"), /1 of 3 runs are finished already; continuing after them/);
  });

  it("skips a damaged line, logs which, and makes that run again", async () => {
    await oneRun({ blocks: 2 });
    const file = kept("runs.jsonl");
    writeFileSync(file, `\0\0\0${readFileSync(file, "utf8")}null\n`);
    await run({ blocks: 2 });
    assert.equal(measured(), 2);
    for (const line of [1, 2])
      assert.equal(logged.filter((each) => each.includes(`runs.jsonl:${line} is damaged`)).length, 1);
  });

  for (const [what, content] of [
    ["damaged", ""],
    ["of another release", '{"schemaVersion": 0}'],
  ] as const) {
    it(`measures again where what was kept is ${what}, and logs it`, async () => {
      await oneRun();
      writeFileSync(kept("setup.json"), content);
      await run();
      assert.equal(measured(), 3);
      assert.ok(logged.some((line) => line.startsWith("Measuring again: ") && line.endsWith(`setup.json is ${what}`)));
    });
  }

  it("waits until the load of a broken run must have ended before it makes the run again", async () => {
    let broken = 0;
    cluster.onExec = (command) => {
      if (isMeasurement(command) && broken++ === 0) throw new ExecError("the connection was closed");
    };
    await run({ blocks: 1, duration: "40s", warmUp: "20s" });
    assert.deepEqual([measured(), slept.filter((ms) => ms === 60_000).length], [2, 1]);
    assert.match(logged.join("\n"), /the connection was closed; once more in 60 s, when its load has ended/);
  });

  for (const error of [
    Object.assign(new Error("connect ECONNREFUSED 10.0.0.1:6443"), { code: "ECONNREFUSED" }),
    new ApiError(503, "the server is shutting down"),
  ]) {
    it(`survives a restart of the API server (${error.message})`, async () => {
      const pods = cluster.pods.bind(cluster);
      let left = 4;
      cluster.pods = (namespace) => (measured() > 0 && left-- > 0 ? Promise.reject(error) : pods(namespace));
      await run();
      assert.equal(readFileSync(kept("runs.jsonl"), "utf8").split("\n").length, 4);
    });
  }

  it("waits for the server, too, before it makes a broken run again", async () => {
    const pods = cluster.pods.bind(cluster);
    let [broken, unready] = [0, 3];
    cluster.pods = async (namespace) => {
      const ready = broken === 0 || --unready <= 0;
      return (await pods(namespace)).map((pod) => (pod.app === "server" ? { ...pod, ready } : pod));
    };
    cluster.onExec = (command) => {
      if (!isMeasurement(command)) return;
      if (broken++ === 0) throw new ExecError("its node has restarted");
      assert.ok(unready <= 0, "the server is not ready");
    };
    await run({ blocks: 1 });
    assert.equal(measured(), 2);
  });

  it("waits for a client that is created again, and does not use an evicted one", async () => {
    const pods = cluster.pods.bind(cluster);
    let unready = 3;
    cluster.pods = async (namespace) => {
      const found = await pods(namespace);
      const ready = measured() === 0 || unready-- <= 0;
      return found.flatMap((pod) =>
        pod.app === "client"
          ? [
              { ...pod, name: "client-old", ready: false },
              { ...pod, ready },
            ]
          : [pod],
      );
    };
    await run();
    assert.match(logged.join("\n"), /namespace bench-none has no ready client; once more/);
    assert.ok(cluster.commands.every((command) => !command.startsWith("client-old") || !isMeasurement(command)));
  });

  it("ends where no connection holds, tells how to continue, and releases everything", async () => {
    cluster.onExec = (command) => {
      if (isMeasurement(command)) throw new ExecError("closed again");
    };
    await assert.rejects(run(), (error: unknown) => {
      assert.ok(error instanceof NotMeasurable);
      assert.match(error.message, /^closed again; tried \d+ times, with 5 min in between\. The same command continues/);
      return true;
    });
    assert.equal(logged.filter((line) => line.startsWith("closed again")).length, 1);
    assert.deepEqual([await cluster.namespaces(), cluster.leases.lease], [[], undefined]);
  });

  it("does not retry an error that is not of the connection", async () => {
    cluster.onExec = (command) => {
      if (isMeasurement(command)) throw new TypeError("a defect");
    };
    await assert.rejects(run(), /a defect/);
    assert.equal(measured(), 1);
  });

  it("creates and deletes nothing while another benchmark measures on the cluster", async () => {
    cluster.leftOver("bench-none");
    cluster.leases.give("laptop 4711 boot/1");
    await assert.rejects(run(), /another benchmark measures on this cluster: process 4711 on laptop/);
    assert.deepEqual([await cluster.namespaces(), cluster.applied], [["bench-none"], []]);
  });

  it("leaves the namespaces to a benchmark that has taken over", async () => {
    cluster.onExec = () => {
      if (measured() === 1) cluster.leases.give("laptop 4711 boot/1");
    };
    await assert.rejects(run(), /another benchmark measures/);
    assert.deepEqual(await cluster.namespaces(), ["bench-none"]);
    assert.equal(cluster.leases.holding?.holderIdentity, "laptop 4711 boot/1");
  });

  it("holds the Lease before every run for as long as that may take", async () => {
    const held: (number | undefined)[] = [];
    cluster.onExec = (command) => {
      if (isMeasurement(command)) held.push(cluster.leases.holding?.leaseDurationSeconds);
    };
    await run({ blocks: 2, duration: "40s", warmUp: "20s" });
    assert.deepEqual(held, [180, 180]);
  });
});
