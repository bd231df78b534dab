import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { type BenchmarkRequest, requestVariable } from "../../../components/benchmark/run/request";
import { benchmark } from "../../../components/settings/sections/benchmark";
import { ApiServer } from "../../../components/shared/kubernetes/api-server";
import { ClusterProject, controlPlaneToolsOrSkip } from "../../support/cluster-project";

const program = path.resolve(__dirname, "../../../components/benchmark/run/run.cjs");

const request: BenchmarkRequest = {
  ...{ stack: "test", mesh: { version: "1.31.1" } },
  settings: benchmark.parse({ scenarios: ["none"] }),
};

/** A node that neither kubelet nor kwok looks after, and without room for a pod: none ever starts. */
const idleNode = (name: string) => ({
  ...{ apiVersion: "v1", kind: "Node", metadata: { name } },
  status: { capacity: { cpu: "2", memory: "1Gi", pods: "0" }, conditions: [{ type: "Ready", status: "True" }] },
});

describe("the command of a benchmark", function () {
  this.timeout(60_000);
  let project: ClusterProject;
  let kubeconfig: string;
  let server: ApiServer;

  before(async function () {
    await controlPlaneToolsOrSkip(this);
    project = new ClusterProject();
    kubeconfig = (await project.up({ workers: 0 })).stdout;
    server = await ApiServer.open({ kubeconfig });
    for (const name of ["one", "two"]) await server.request("POST", "/api/v1/nodes", { body: idleNode(name) });
  });
  after(() => project?.remove());

  const leaseOfAll = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace: "default" };
  const lease = () => server.get({ ...leaseOfAll, name: "talos-mesh-measurement" });
  /** The process that does the work, by the Lease that it holds. */
  const worker = async () => {
    const { holderIdentity = "" } = ((await lease())?.spec ?? {}) as { holderIdentity?: string };
    return Number(holderIdentity.split(" ")[1]);
  };

  /** Starts to measure, and ends the command as soon as it waits for pods. */
  async function ended(
    end: (child: ChildProcess) => unknown,
  ): Promise<{ readonly code: number | null; readonly logged: string }> {
    const child = spawn(process.execPath, [program, "measure"], {
      cwd: project.root,
      env: { ...process.env, [requestVariable]: JSON.stringify(request) },
    });
    let logged = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (!logged.includes("waiting for") && `${logged}${text}`.includes("waiting for")) end(child);
      logged += text;
    });
    // Its work is over when no process holds its output any more.
    const closed = once(child, "close") as Promise<[number | null]>;
    child.stdin.end(kubeconfig);
    const [code] = await closed;
    return { code, logged };
  }

  const beingRemoved = async () => {
    const { metadata } = (await server.get({ apiVersion: "v1", kind: "Namespace", name: "bench-none" })) ?? {};
    return metadata === undefined || metadata.deletionTimestamp !== undefined;
  };

  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    it(`deletes what it created when it is ended by ${signal}, as by Pulumi where a deployment is cancelled`, async () => {
      const { code, logged } = await ended((child) => child.kill(signal));
      assert.match(logged, /none: waiting for client, server/);
      assert.match(logged, /Stopped\. Finished runs are kept/);
      assert.equal(code, signal === "SIGKILL" ? null : 130);
      assert.ok(await beingRemoved());
      assert.equal(await lease(), undefined);
    });
  }

  it("does not wait for one that was killed together with its worker", async () => {
    const killed = await ended(async (child) => {
      const pid = await worker();
      for (const each of [child.pid ?? 0, pid]) process.kill(each, "SIGKILL");
    });
    assert.doesNotMatch(killed.logged, /Stopped/);
    assert.ok(Number.isInteger(await worker()), "the Lease was released");
    assert.equal(await beingRemoved(), false);
    const { logged } = await ended((child) => child.kill("SIGTERM"));
    assert.match(logged, /none: waiting for client, server/);
    assert.equal(await lease(), undefined);
  });

  it("ends, and deletes what it created, where its output is not read any more", async () => {
    const child = spawn(process.execPath, [program, "measure"], {
      cwd: project.root,
      env: { ...process.env, [requestVariable]: JSON.stringify(request) },
    });
    child.stderr.destroy();
    child.stdin.end(kubeconfig);
    const [code] = (await once(child, "exit")) as [number | null];
    assert.equal(code, 130);
    assert.ok(await beingRemoved());
  });
});
