import assert from "node:assert/strict";
import { FakeCluster, meshPod, titleOf } from "./fake-cluster";
import { answered, backPod, clientPod, front, outside, plan, probe, run, series } from "./plans";

describe("the clients of probes", () => {
  let cluster: FakeCluster;
  beforeEach(() => {
    cluster = new FakeCluster();
    cluster.workloads = [backPod, meshPod("shop", "front-1", { labels: { app: "front" } })];
    cluster.answer = () => ({ records: answered() });
  });
  const metadata = { name: "front", namespace: "shop", uid: "1", resourceVersion: "1" };
  const statefulSet = {
    ...{ apiVersion: "apps/v1", kind: "StatefulSet", metadata },
    spec: { selector: { matchLabels: { app: "front" } } },
  };
  const reasonOf = (result: Awaited<ReturnType<typeof run>>) => {
    const [failed] = result.results[0]?.probes ?? [];
    assert.equal(failed?.verdict, "control failed");
    return failed?.reason ?? "";
  };

  it("have the workload's labels and service account, are never ready, and satisfy the restricted standard", async () => {
    await run(cluster, plan([probe("p", [series()])]));
    const pod = cluster.applied.find((object) => titleOf(object) === `Pod ${clientPod}`);
    assert.deepEqual(pod?.metadata.labels, {
      "app.kubernetes.io/managed-by": "talos-mesh-verification",
      "sidecar.istio.io/inject": "true",
      app: "front",
      "talos-mesh/verification-client": "true",
    });
    const spec = pod?.spec as Record<string, unknown> & { containers: { securityContext: object }[] };
    assert.equal(spec.serviceAccountName, "front-account");
    assert.deepEqual(spec.readinessGates, [{ conditionType: "talos-mesh/never-ready" }]);
    assert.ok(Number(spec.activeDeadlineSeconds) > 900);
    assert.deepEqual(spec.containers[0]?.securityContext, {
      ...{ allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
      ...{ seccompProfile: { type: "RuntimeDefault" }, runAsNonRoot: true, runAsUser: 65532 },
    });
  });

  it("are containers of a real pod where a controller would take a pod for its own", async () => {
    cluster.controllers = [statefulSet];
    cluster.answer = () => ({ records: { ...answered(), "shop/front-1": answered()[clientPod] ?? {} } });
    const { results, log } = await run(cluster, plan([probe("p", [series()])]));
    assert.equal(results[0]?.verdict, "holds");
    assert.deepEqual(
      cluster.ephemeral.map(({ pod }) => pod),
      ["shop/front-1"],
    );
    assert.ok(!cluster.applied.some(({ kind }) => kind === "Pod"));
    assert.ok(log.some((line) => line.includes("StatefulSet front would take it for its own")));
    assert.deepEqual(
      cluster.commands,
      ['shop/front-1 /bin/sh -c kill -TERM "$(cat /tmp/talos-mesh-probe.pid)"'],
      "it is ended, and not process 1, which is the pod's own where containers share processes",
    );
  });

  it("of workloads with long names that begin alike have pods of their own", async () => {
    const names = ["a", "b"].map((end) => `${"long-name-".repeat(5)}${end}`);
    const workloads = names.map((name) => ({ name, namespace: "shop", labels: { app: name }, serviceAccount: name }));
    const all = names.map((name) => series({ title: name, client: { kind: "workload", namespace: "shop", name } }));
    await run(cluster, plan([probe("p", all)], { workloads, deadlineSeconds: 1 }), { onFailure: "warn" });
    const pods = cluster.applied.filter(({ kind }) => kind === "Pod").map(({ metadata: { name } }) => name);
    assert.equal(new Set(pods).size, 2);
    assert.ok(
      pods.every((name) => name.length <= 63),
      pods.join(", "),
    );
  });

  it("are missing, with the reason, where the settings want pods and a controller would take them", async () => {
    cluster.controllers = [statefulSet];
    const ran = await run(cluster, plan([probe("p", [series()])], { clients: "pods" }));
    assert.match(reasonOf(ran), /StatefulSet front would take it for its own; set verification.clients: auto/);
  });

  it("are missing, with the server's reason, where a quota is exceeded, and the others measure", async () => {
    cluster.onApply = ({ kind, metadata: { namespace } }) => {
      if (kind === "Pod" && namespace === "shop") throw new Error("exceeded quota: pods");
    };
    const probes = [probe("p", [series()]), probe("o", [series({ client: outside })])];
    const ran = await run(cluster, plan(probes));
    assert.match(reasonOf(ran), /no client shop\/front: its pod .* was refused: exceeded quota: pods/);
    assert.equal(ran.results[0]?.probes[1]?.verdict, "holds");
  });

  it("are missing where no sidecar was injected, and where the image cannot be pulled", async () => {
    cluster.pod = (pod) => ({ ...pod, containers: ["client"] });
    assert.match(reasonOf(await run(cluster, plan([probe("p", [series()])]))), /no sidecar was injected/);
    const waiting = new Map([["client", "ImagePullBackOff"]]);
    cluster.pod = (pod) => ({ ...pod, running: ["istio-proxy"], waiting });
    assert.match(reasonOf(await run(cluster, plan([probe("p", [series()])]))), /after 180 s: ImagePullBackOff/);
  });

  it("are deleted at once where they would get traffic", async () => {
    const endpoints = [{ conditions: { ready: true }, targetRef: { name: "talos-mesh-probe-front" } }];
    const slice = {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { ...metadata, name: "front-x" },
    };
    cluster.slices = [{ ...slice, endpoints } as unknown as (typeof cluster.slices)[number]];
    assert.match(reasonOf(await run(cluster, plan([probe("p", [series()])]))), /a ready endpoint of front-x/);
    assert.equal(cluster.removed[0], `Pod ${clientPod}`);
  });

  it("outside the mesh have a namespace of their own, which must not be another's", async () => {
    await run(cluster, plan([probe("p", [series({ client: outside })])]));
    assert.ok(cluster.removed.includes("Namespace talos-mesh-verification-outside"));
    const foreign = {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "talos-mesh-verification-outside" },
      spec: {},
    };
    const guarded = new FakeCluster();
    guarded.namespace = () => Promise.resolve({ ...foreign, metadata: { ...metadata, ...foreign.metadata } });
    const { error } = await run(guarded, plan([probe("p", [series({ client: outside })])]));
    assert.match(error?.message ?? "", /is not ours/);
  });

  it("are one for each workload, however many series speak for it", async () => {
    await run(
      cluster,
      plan([probe("p", [series(), series({ title: "again" })]), probe("q", [series({ client: front })])]),
    );
    assert.equal(cluster.applied.filter(({ kind }) => kind === "Pod").length, 1);
  });

  it("reach a pod of verification through the waypoint of its namespace", async () => {
    const to = { kind: "witness", namespace: "shop", by: "service", waypoint: "waypoint" } as const;
    await run(cluster, plan([probe("p", [series({ request: { to } })])]));
    const service = cluster.applied.find(({ kind }) => kind === "Service");
    assert.equal(service?.metadata.labels?.["istio.io/use-waypoint"], "waypoint");
  });
});
