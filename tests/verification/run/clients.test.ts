import assert from "node:assert/strict";
import { ApiError } from "../../../components/shared/kubernetes/errors";
import { placementOf } from "../../../components/verification/run/placement";
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
    assert.equal(failed?.verdict, "control failed", result.error?.stack);
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
    assert.deepEqual(cluster.commands, [], "it waits for later runs");
    assert.match(
      results[0]?.notes.join() ?? "",
      /^Pod shop\/front-1 keeps a container of clients until it is deleted; /,
    );
  });

  it("are containers of an earlier run where one still waits, so that no run adds another", async () => {
    cluster.controllers = [statefulSet];
    cluster.answer = () => ({ records: { ...answered(), "shop/front-1": answered()[clientPod] ?? {} } });
    const before = meshPod("shop", "front-0", { labels: { app: "front" } });
    cluster.workloads.unshift(before);
    await run(cluster, plan([probe("p", [series()])]));
    const { results } = await run(cluster, plan([probe("p", [series()])]));
    assert.deepEqual([results[0]?.verdict, cluster.ephemeral.length], ["holds", 1]);
    await run(cluster, plan([probe("p", [series()])], { image: "curl:2" }));
    const aged = {
      ...cluster.workloads[0]?.ephemeral[1],
      startedAt: new Date(Date.now() - 23.9 * 3_600_000).toISOString(),
    };
    assert.equal(cluster.ephemeral.length, 2, "another image is another client");
    cluster.workloads[0] = { ...before, running: ["app"], ephemeral: [aged as (typeof before.ephemeral)[number]] };
    const { results: last } = await run(cluster, plan([probe("p", [series()])], { image: "curl:2" }));
    assert.equal(cluster.ephemeral.length, 3, "one that ends during the run is of no use");
    assert.match(last[0]?.notes.join() ?? "", /^Pod shop\/front-0 keeps 2 containers of clients/);
  });

  it("run where the workload's pods do, by the secrets that they are pulled with, and preempt no other pod", async () => {
    const taint = { key: "dedicated", operator: "Exists" };
    const placement = placementOf({
      ...{
        nodeSelector: { pool: "shop" },
        runtimeClassName: "gvisor",
        tolerations: [taint],
        priorityClassName: "high",
      },
      affinity: { nodeAffinity: { required: 1 }, podAntiAffinity: { required: 2 } },
      imagePullSecrets: [{ name: "shop-registry" }],
    });
    cluster.workloads[1] = meshPod("shop", "front-1", { labels: { app: "front" }, placement });
    const pull = { policy: "IfNotPresent", secrets: ["mirror"] };
    await run(cluster, plan([probe("p", [series(), series({ client: outside })])], { pull }));
    const specOf = (title: string) => cluster.applied.find((object) => titleOf(object) === title)?.spec as object;
    const { securityContext, containers, ...spec } = specOf(`Pod ${clientPod}`) as Record<string, unknown>;
    assert.ok(securityContext && containers);
    assert.deepEqual(spec, {
      ...{ nodeSelector: { pool: "shop" }, runtimeClassName: "gvisor", tolerations: [taint] },
      affinity: { nodeAffinity: { required: 1 } },
      imagePullSecrets: [{ name: "shop-registry" }, { name: "mirror" }, { name: "of-account" }],
      ...{ serviceAccountName: "front-account", automountServiceAccountToken: false },
      ...{
        restartPolicy: "Never",
        terminationGracePeriodSeconds: 1,
        activeDeadlineSeconds: spec.activeDeadlineSeconds,
      },
      readinessGates: [{ conditionType: "talos-mesh/never-ready" }],
      dnsConfig: { options: [{ name: "ndots", value: "1" }] },
      priorityClassName: "talos-mesh-verification",
    });
    const other = specOf("Pod talos-mesh-verification-outside/talos-mesh-probe-outside") as Record<string, unknown>;
    assert.deepEqual([other.tolerations, other.nodeSelector], [[taint], undefined]);
    const priority = cluster.applied.find(({ kind }) => kind === "PriorityClass");
    assert.deepEqual([priority?.value, priority?.preemptionPolicy], [0, "Never"]);
    assert.ok(cluster.removed.includes("PriorityClass talos-mesh-verification"));
  });

  it("are created without a priority class where the login may not create one", async () => {
    cluster.onApply = ({ kind }) => {
      if (kind === "PriorityClass") throw new ApiError(403, "priorityclasses.scheduling.k8s.io is forbidden");
    };
    const { results, log } = await run(cluster, plan([probe("p", [series()])]));
    assert.equal(results[0]?.verdict, "holds");
    const pod = cluster.applied.find((object) => titleOf(object) === `Pod ${clientPod}`);
    assert.ok(!Object.hasOwn(pod?.spec as object, "priorityClassName"));
    assert.ok(log.some((line) => line.startsWith("clients may preempt pods of a lower priority")));
  });

  it("are missing where the workload's pods use the network of their nodes", async () => {
    const placement = placementOf({ hostNetwork: true });
    cluster.workloads[1] = meshPod("shop", "front-1", { labels: { app: "front" }, placement });
    const ran = await run(cluster, plan([probe("p", [series()])]));
    assert.match(reasonOf(ran), /its pods have hostNetwork: true, so no proxy takes their traffic/);
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
    assert.ok(ran.slept < 10_000, `nothing waits for it, but ${ran.slept} ms`);
    assert.equal(ran.results[0]?.probes[1]?.verdict, "holds");
  });

  it("are missing where no sidecar was injected, and where the image cannot be pulled", async () => {
    cluster.shape = (pod) => ({ ...pod, containers: ["client"] });
    assert.match(reasonOf(await run(cluster, plan([probe("p", [series()])]))), /no sidecar was injected/);
    const waiting = new Map([["client", "ImagePullBackOff"]]);
    cluster.shape = (pod) => ({ ...pod, running: ["istio-proxy"], waiting });
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

  it("send to a pod of verification that is a ready endpoint of its own Service", async () => {
    const to = { kind: "witness", namespace: "shop", by: "service" } as const;
    const endpoints = [{ conditions: { ready: true }, targetRef: { name: "talos-mesh-witness" } }];
    const slice = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", metadata };
    cluster.slices = [{ ...slice, endpoints } as unknown as (typeof cluster.slices)[number]];
    const { results } = await run(cluster, plan([probe("p", [series({ request: { to } })])]));
    assert.equal(results[0]?.verdict, "holds", results[0]?.probes[0]?.reason);
  });
});
