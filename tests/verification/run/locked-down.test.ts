import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ApiServer, type ApplyObject } from "../../../components/shared/kubernetes/api-server";
import { deleteAndWait } from "../../../components/shared/kubernetes/readiness";
import { Missing, waitFor } from "../../../components/shared/kubernetes/wait";
import { cleanUp } from "../../../components/verification/run/clean-up";
import { createClients } from "../../../components/verification/run/clients";
import { KubernetesCluster } from "../../../components/verification/run/cluster";
import type { RunPlan } from "../../../components/verification/run/run-plan";
import { testCluster, type TestCluster } from "../../support/cluster-project";
import { outside, plan, series } from "./plans";

const namespaces = ["talos-mesh-test-locked", "talos-mesh-test-refusing"] as const;
const [locked, refusing] = namespaces;

describe("clients of probes at a real API server", function () {
  this.timeout(120_000);
  let server: ApiServer;
  let test: TestCluster;
  let cluster: KubernetesCluster;
  const log: string[] = [];

  before(async function () {
    test = await testCluster(this);
    server = await ApiServer.open({ kubeconfig: test.kubeconfig });
    cluster = new KubernetesCluster(server);
    const security = { "pod-security.kubernetes.io/enforce": "restricted" };
    for (const name of namespaces) {
      await server.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels: security }, spec: {} });
    }
  });
  after(async () => {
    if (server === undefined) return;
    await cleanUp({ cluster, log: (line) => log.push(line), sleep: delay });
    await Promise.all(
      namespaces.map((name) =>
        deleteAndWait(server, { apiVersion: "v1", kind: "Namespace", name }, { timeoutMs: 60_000 }),
      ),
    );
    await test.remove();
  });

  async function apply(kind: string, namespace: string, name: string, more: object, apiVersion = "v1"): Promise<void> {
    await server.apply({ apiVersion, kind, metadata: { name, namespace }, ...more } as ApplyObject);
  }
  const workload = (namespace: string, name = "front") => ({
    ...{ name, namespace, labels: { app: name }, serviceAccount: name },
  });
  async function create(namespace: string, more: Partial<RunPlan> = {}, clients = [series().client]) {
    const all = clients.map((client) =>
      series({ client: client.kind === "workload" ? { ...client, namespace } : client }),
    );
    const wanted = plan([], {
      ...{ workloads: [workload(namespace)], namespaces: { [namespace]: { dataPlane: "none", injection: {} } } },
      ...more,
    });
    const selecting = new Map([[namespace, await cluster.selecting(namespace)]]);
    const context = {
      cluster,
      plan: wanted,
      run: "test",
      seconds: 900,
      selecting,
      networkPolicies: [],
      stuck: new Map<string, string>(),
    };
    const line = (text: string) => void log.push(text);
    return (await createClients({ ...context, sleep: delay, log: line, note: line }, all)).clients;
  }
  /** The API server learns of a quota or a limit a moment after it is there. */
  async function refused(words: RegExp): Promise<void> {
    const check = async () => {
      const [state] = [...(await create(refusing)).values()];
      const why = state && "unavailable" in state ? state.unavailable : "it was created";
      if (words.test(why)) return true;
      await cleanUp({ cluster, log: (line) => log.push(line), sleep: delay });
      return new Missing(why);
    };
    assert.equal(await waitFor(check, { timeoutMs: 20_000, intervalMs: 200 }), true);
  }

  it("are accepted by a namespace with a quota of everything, limits of containers and the restricted standard", async () => {
    await apply("ServiceAccount", locked, "front", {});
    const hard = { pods: "2", ...both("requests", "100m", "100Mi"), ...both("limits", "500m", "500Mi") };
    await apply("ResourceQuota", locked, "all", { spec: { hard } });
    await apply("LimitRange", locked, "containers", {
      spec: {
        limits: [{ type: "Container", max: { cpu: "200m", memory: "100Mi" }, maxLimitRequestRatio: { cpu: "20" } }],
      },
    });
    const clients = await create(locked, {}, [series().client, outside]);
    assert.deepEqual(
      [...clients.values()].map((state) => ("unavailable" in state ? state.unavailable : state.pod)),
      ["talos-mesh-probe-front", "talos-mesh-probe-outside"],
    );
    const pod = await server.get({ apiVersion: "v1", kind: "Pod", namespace: locked, name: "talos-mesh-probe-front" });
    assert.equal(pod?.spec?.preemptionPolicy, "Never");
    assert.deepEqual(await cleanUp({ cluster, log: (line) => log.push(line), sleep: delay }), new Map());
  });

  it("are refused in the server's words, and with what to change", async () => {
    await apply("ServiceAccount", refusing, "front", {});

    const [quota, limits] = ["ResourceQuota", "LimitRange"];
    await apply(quota, refusing, "small", { spec: { hard: { "requests.cpu": "5m" } } });
    await refused(
      /exceeded quota: small, .*; raise ResourceQuota small of namespace talos-mesh-test-refusing by requests.cpu=10m for each client/,
    );
    await server.delete({ apiVersion: "v1", kind: quota, namespace: refusing, name: "small" });

    await apply(limits, refusing, "pods", { spec: { limits: [{ type: "Pod", max: { memory: "10Mi" } }] } });
    await refused(/maximum memory usage per Pod is 10Mi.*; a LimitRange .* limits whole pods/);
    await server.delete({ apiVersion: "v1", kind: limits, namespace: refusing, name: "pods" });

    const labels = { app: "front" };
    const template = {
      metadata: { labels },
      spec: { runtimeClassName: "missing", containers: [{ name: "a", image: "a" }] },
    };
    const spec = { replicas: 0, selector: { matchLabels: labels }, template };
    await apply("Deployment", refusing, "front", { spec }, "apps/v1");
    await refused(/RuntimeClass "missing" not found; the workload's pods have runtimeClassName: missing/);
  });

  it("that a killed run has left are removed by the next one, which takes its Lease over", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-killed-"));
    const own = { ...workload(locked), labels: { app: "killed" } };
    const wanted = plan([{ ...probeOf(locked) }], {
      ...{ workloads: [own], namespaces: { [locked]: { dataPlane: "none", injection: {} } }, deadlineSeconds: 1 },
    });
    const start = () => {
      const input = JSON.stringify({ kubeconfig: test.kubeconfig, plan: wanted });
      const args = [
        "-r",
        path.resolve(__dirname, "../../../cli/bin/register.cjs"),
        path.resolve(__dirname, "killed-run.ts"),
      ];
      const child = spawn(process.execPath, args, { cwd: folder, stdio: ["pipe", "pipe", "pipe"] });
      child.stdin.end(input);
      child.stdout.setEncoding("utf8");
      return child;
    };
    try {
      const killed = start();
      // It is sending requests, which no simulated node answers.
      await once(killed.stdout, "data");
      killed.kill("SIGKILL");
      await once(killed, "close");
      const name = "talos-mesh-probe-front";
      const before = await server.get({ apiVersion: "v1", kind: "Pod", namespace: locked, name });
      const lease = {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        namespace: "default",
        name: "talos-mesh-measurement",
      };
      assert.ok(before && (await server.get(lease)), "what it has left");
      const next = start();
      await once(next.stdout, "data");
      const after = await server.get({ apiVersion: "v1", kind: "Pod", namespace: locked, name });
      assert.notEqual(after?.metadata.uid, before.metadata.uid);
      next.kill("SIGTERM");
      await once(next, "close");
      assert.equal(await server.get(lease), undefined);
      assert.deepEqual(await cleanUp({ cluster, log: (line) => log.push(line), sleep: delay }), new Map());
      assert.deepEqual(readdirSync(folder), []);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

function both(what: string, cpu: string, memory: string) {
  return { [`${what}.cpu`]: cpu, [`${what}.memory`]: memory };
}

function probeOf(namespace: string) {
  const one = series({ client: { kind: "workload", namespace, name: "front" } });
  return { name: "p", kind: "routes", path: ["traffic"], expectation: "it is", objects: [], series: [one] } as const;
}
