import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { verificationImages } from "../../../components/settings/versions";
import { ApiServer, type ApplyObject, type LiveObject } from "../../../components/shared/kubernetes/api-server";
import { deleteAndWait, waitUntilReady } from "../../../components/shared/kubernetes/readiness";
import { Missing, waitFor } from "../../../components/shared/kubernetes/wait";
import type { VerificationResult } from "../../../components/verification/result";
import { endContainers } from "../../../components/verification/run/clean-up";
import { KubernetesCluster, type MeshPod } from "../../../components/verification/run/cluster";
import { runVerification } from "../../../components/verification/run/runner";
import { skip } from "../../support/skip";
import { plan, probe, series } from "./plans";

/** As tests/benchmark/real/on-nodes.test.ts has them; the image is that of `curl`. */
const [clusterVariable, imagesVariable] = ["TALOS_MESH_TEST_CLUSTER", "TALOS_MESH_TEST_CLUSTER_IMAGES"] as const;
const { curl = verificationImages.curl } = JSON.parse(process.env[imagesVariable] ?? "{}") as { curl?: string };

const namespace = "talos-mesh-test-verification";

/** A server that answers every request, as the pods of a Deployment or of a StatefulSet. */
function application(kind: "Deployment" | "StatefulSet", name: string): ApplyObject[] {
  const answer =
    'while read -r l && [ ${#l} -gt 1 ]; do :; done; printf "HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n"';
  const command = ["/bin/nc", "-ll", "-p", "8080", "-e", "/bin/sh", "-c", answer];
  const labels = { app: name };
  const containers = [{ name: "app", image: curl, imagePullPolicy: "IfNotPresent", command }];
  const template = {
    metadata: { labels },
    spec: { containers, serviceAccountName: name, terminationGracePeriodSeconds: 1 },
  };
  const spec = {
    replicas: 1,
    selector: { matchLabels: labels },
    template,
    ...(kind === "StatefulSet" && { serviceName: name }),
  };
  const metadata = { name, namespace };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata, spec: undefined },
    { apiVersion: "v1", kind: "Service", metadata, spec: { selector: labels, ports: [{ name: "http", port: 8080 }] } },
    { apiVersion: "apps/v1", kind, metadata, spec },
  ];
}

describe("clients of probes in pods of real nodes", function () {
  this.timeout(5 * 60_000);
  let server: ApiServer;
  let projectRoot: string;
  let result: VerificationResult;
  /** While requests could be sent. */
  let during: { readonly pods: MeshPod[]; readonly slices: LiveObject[] };
  const logged: string[] = [];

  before(async function () {
    const kubeconfig = process.env[clusterVariable];
    if (!kubeconfig) skip(this, `${clusterVariable} names no kubeconfig of a cluster whose nodes run pods`);
    server = await ApiServer.open({ kubeconfig: path.resolve(kubeconfig) });
    const cluster = new KubernetesCluster(server);
    projectRoot = mkdtempSync(path.join(tmpdir(), "talos-mesh-verification-"));
    await server.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace }, spec: {} });
    for (const object of [...application("Deployment", "front"), ...application("StatefulSet", "store")]) {
      const applied = await server.apply(object);
      if (object.kind !== "Service") await waitUntilReady(server, applied, { timeoutMs: 120_000 });
    }
    const workload = (name: string) => ({ name, namespace, labels: { app: name }, serviceAccount: name });
    const request = { to: { kind: "service", namespace, name: "front", port: 8080 } } as const;
    const from = (name: string) => series({ title: name, client: { kind: "workload", namespace, name }, request });
    const wanted = plan([probe("front", [from("front")]), probe("store", [from("store")])], {
      ...{ workloads: [workload("front"), workload("store")], image: curl, deadlineSeconds: 10 },
      namespaces: { [namespace]: { dataPlane: "none", injection: {} } },
    });
    const verified = { policies: "", mesh: "", applications: "", probes: "" };
    await runVerification(
      { stack: "nodes", onFailure: "warn", mesh: { version: "none", dataPlane: "none" }, verified },
      { plan: wanted, keys: {} },
      {
        ...{ cluster, projectRoot, log: (line) => logged.push(line), sleep: (ms) => delay(ms) },
        again: async (found) => {
          result = found;
          during = { pods: await cluster.pods(namespace), slices: await cluster.endpointSlices(namespace) };
          return false;
        },
      },
    );
  });
  after(async () => {
    if (projectRoot === undefined) return;
    rmSync(projectRoot, { recursive: true });
    await deleteAndWait(server, { apiVersion: "v1", kind: "Namespace", name: namespace }, { timeoutMs: 120_000 });
  });

  const client = () => {
    const found = during.pods.find(({ name }) => name === "talos-mesh-probe-front");
    assert.ok(found, logged.join("\n"));
    return found;
  };

  it("send requests that the application answers", () => {
    assert.deepEqual(
      result.probes.map(({ verdict, series: [only] }) => [verdict, only?.count]),
      [
        ["holds", 3],
        ["holds", 3],
      ],
      logged.join("\n"),
    );
  });

  it("are never ready, and so no endpoint of the workload's Service", () => {
    assert.deepEqual([client().ready, client().running], [false, ["client"]]);
    const endpoints = during.slices.flatMap(
      (slice) =>
        (slice as unknown as { endpoints?: { conditions: { ready?: boolean }; targetRef: { name: string } }[] })
          .endpoints ?? [],
    );
    const ready = endpoints
      .filter(({ conditions }) => conditions.ready !== false)
      .map(({ targetRef }) => targetRef.name);
    assert.ok(ready.some((name) => name.startsWith("front-")));
    assert.ok(!ready.includes(client().name), ready.join(", "));
  });

  it("are taken by no ReplicaSet, which keeps its own pod", () => {
    assert.deepEqual(client().owners, []);
    const own = during.pods.filter(({ labels, owners }) => labels.app === "front" && owners.length > 0);
    assert.deepEqual([own.length, own[0]?.ready, own[0]?.deleting], [1, true, false]);
  });

  it("are containers in the pod of a StatefulSet, which would take a pod with its labels", () => {
    assert.ok(!during.pods.some(({ name }) => name === "talos-mesh-probe-store"));
    const pod = during.pods.find(({ name }) => name === "store-0");
    assert.equal(pod?.running.filter((name) => name.startsWith("talos-mesh-probe-")).length, 1);
  });

  it("are deleted at the end of the run, and ended when the stack is destroyed where they cannot be", async () => {
    await endContainers(new KubernetesCluster(server));
    const check = async () => {
      const left = (await new KubernetesCluster(server).pods(namespace)).filter(({ deleting }) => !deleting);
      const ours = left
        .flatMap(({ name, running }) => [name, ...running])
        .filter((name) => /^talos-mesh-probe-/.test(name));
      return ours.length === 0 || new Missing(ours.join(", "));
    };
    // The node reports the end of a container after a moment.
    assert.equal(await waitFor(check, { timeoutMs: 20_000, intervalMs: 500 }), true);
  });
});
