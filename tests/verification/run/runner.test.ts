import assert from "node:assert/strict";
import { ExecError } from "../../../components/shared/kubernetes/errors";
import { VerificationFailed } from "../../../components/verification/run/runner";
import { FakeCluster, meshPod, titleOf } from "./fake-cluster";
import { answered, backPod, clientPod, front, outside, plan, probe, run, series } from "./plans";

describe("a run of probes", () => {
  let cluster: FakeCluster;
  beforeEach(() => {
    cluster = new FakeCluster();
    cluster.workloads = [backPod];
    cluster.answer = () => ({ records: answered() });
  });
  const denied = { status: 403, records: { [clientPod]: { details: "via_upstream" } } };

  it("sends each series from a pod with the workload's identity, and judges by both sidecars", async () => {
    const { results, log, error } = await run(cluster, plan([probe("front to back", [series()])]));
    assert.equal(error, undefined);
    assert.deepEqual(new Set(cluster.requests.map(({ client }) => client)), new Set([clientPod]));
    assert.equal(new Set(cluster.requests.map(({ id }) => id)).size, 3);
    const [result] = results;
    assert.deepEqual([result?.verdict, result?.requests], ["holds", 3]);
    assert.match(result?.probes[0]?.series[0]?.evidence ?? "", /client's sidecar and the server's sidecar/);
    assert.ok(log.includes("[1/1] holds: front to back"));
    assert.match(log.at(-1) ?? "", /^Report: .talos-mesh\/test\/verification/);
  });

  it("removes its clients, and leaves the Lease to the next run, also where a policy does not hold", async () => {
    cluster.answer = () => denied;
    const { error } = await run(cluster, plan([probe("front to back", [series()])]));
    assert.ok(error instanceof VerificationFailed);
    assert.match(error.message, /^1 policy is not verified\n/);
    assert.ok(cluster.removed.includes(`Pod ${clientPod}`));
    assert.deepEqual(await cluster.leftovers(), []);
    assert.equal(cluster.leases.lease, undefined);
  });

  it("measures again until a policy has its effect", async () => {
    cluster.answer = ({ id }) => (Number(id.split("-")[2]) < 6 ? denied : { records: answered() });
    const { results, slept } = await run(cluster, plan([probe("front to back", [series()])]));
    assert.deepEqual([results[0]?.verdict, results[0]?.requests], ["holds", 9]);
    assert.ok(slept < 20_000, String(slept));
  });

  it("gives up at the deadline, and does not repeat what holds already", async () => {
    cluster.answer = ({ url }) => (url.endsWith("/wrong") ? denied : { records: answered() });
    const wrong = series({ title: "wrong", request: { ...series().request, path: "/wrong" } });
    const { results, slept } = await run(cluster, plan([probe("right", [series()]), probe("wrong", [wrong])]));
    assert.deepEqual(
      results[0]?.probes.map(({ verdict }) => verdict),
      ["holds", "fails"],
    );
    assert.equal(cluster.requests.filter(({ url }) => !url.endsWith("/wrong")).length, 3);
    assert.ok(slept >= 60_000 && slept < 80_000, String(slept));
  });

  it("reports what does not hold as a warning where the settings want that", async () => {
    cluster.answer = () => denied;
    const { error, summary, log } = await run(cluster, plan([probe("p", [series()])]), { onFailure: "warn" });
    assert.equal(error, undefined);
    assert.match(summary?.sentences.join("\n") ?? "", /1 fails/);
    assert.ok(log.some((line) => line.startsWith("Warning: 1 policy is not verified")));
  });

  it("measures a share three times at most before it fails", async () => {
    const outcome = (status: number) => ({ title: String(status), status: [status] });
    const share = series({
      count: 300,
      expect: { kind: "share", outcome: outcome(200), share: 0.5, else: outcome(404) },
    });
    const { results } = await run(cluster, plan([probe("half", [share])]));
    assert.deepEqual([results[0]?.verdict, cluster.requests.length], ["fails", 900]);
  });

  it("sends nothing else while a probe runs alone, one of its series after the other", async () => {
    const serial = (title: string, concurrency?: number) =>
      series({
        title,
        count: 8,
        request: { ...series().request, path: `/${title}` },
        ...(concurrency && { concurrency }),
      });
    const probes = [
      probe("alone", [serial("one", 1), serial("four", 4)], { alone: true }),
      probe("together", [serial("first"), serial("second")]),
    ];
    const { results } = await run(cluster, plan(probes));
    const paths = cluster.requests.map(({ url }) => url.split("/").at(-1));
    const runs = paths.filter((path, index) => path !== paths[index - 1]);
    assert.deepEqual(runs, ["first", "second", "one", "four"]);
    const at = (path: string) => cluster.requests.find(({ url }) => url.endsWith(path))?.concurrency;
    assert.deepEqual([at("/one"), at("/four")], [1, 4]);
    assert.deepEqual(
      results[0]?.probes.map(({ name }) => name),
      ["alone", "together"],
      "in the order of the plan",
    );
  });

  it("sends one request at a time after a limit was in the way", async () => {
    const overflow = { status: 503, records: { [clientPod]: { flags: "UO", details: "overflow" } } };
    cluster.answer = ({ concurrency }) => (concurrency > 1 ? overflow : { records: answered() });
    const { results } = await run(cluster, plan([probe("front to back", [series()])]));
    assert.deepEqual([results[0]?.verdict, results[0]?.requests], ["holds", 6]);
  });

  it("keeps to the rate of the settings", async () => {
    const many = series({ count: 1000 });
    const { slept } = await run(cluster, plan([probe("many", [many])], { requestsPerSecond: 100 }));
    assert.ok(slept >= 8000 && slept < 15_000, String(slept));
  });

  it("sends a batch again whose connection broke, and gives up after three times", async () => {
    let failures = 2;
    cluster.onExec = () => {
      if (failures-- > 0) throw new ExecError("the connection was closed");
    };
    const { results } = await run(cluster, plan([probe("front to back", [series()])]));
    assert.equal(results[0]?.verdict, "holds");
    failures = Infinity;
    const { error } = await run(cluster, plan([probe("front to back", [series()])]));
    assert.match(error?.message ?? "", /the connection was closed/);
    assert.deepEqual(await cluster.leftovers(), [], "clients are removed after an error");
  });

  it("removes what a killed run has left before it begins", async () => {
    cluster.leave({
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: "talos-mesh-probe-old",
        namespace: "shop",
        labels: { "talos-mesh/verification-client": "true" },
      },
      spec: { containers: [] },
    });
    const { error } = await run(cluster, plan([probe("front to back", [series()])]));
    assert.equal(error, undefined);
    assert.equal(cluster.removed[0], "Pod shop/talos-mesh-probe-old");
  });

  it("leaves a cluster alone on which a benchmark runs", async () => {
    cluster.leases.give("laptop 4711 boot/1", new Date(), 600);
    const { error } = await run(cluster, plan([probe("front to back", [series()])]));
    assert.match(error?.message ?? "", /^a benchmark measures on this cluster: process 4711 on laptop/);
    assert.deepEqual([cluster.applied, cluster.requests], [[], []]);
  });

  it("measures nothing on simulated nodes, and creates no pod", async () => {
    cluster.simulated = true;
    const { results, error, log } = await run(cluster, plan([probe("front to back", [series()])]));
    assert.equal(error, undefined);
    assert.deepEqual([results.length, cluster.applied.length], [0, 0]);
    assert.ok(
      log.some((line) => line.includes("1 not measurable")),
      log.join("\n"),
    );
  });

  it("runs the probes that are asked for", async () => {
    const probes = [probe("weights reviews", [series()]), probe("routes reviews", [series()])];
    const { results } = await run(cluster, plan(probes), { only: ["Weights"] });
    assert.deepEqual(
      results[0]?.probes.map(({ name }) => name),
      ["weights reviews"],
    );
    const { error } = await run(cluster, plan(probes), { only: ["faults"] });
    assert.match(error?.message ?? "", /no probe has a name with faults/);
  });

  it("measures again with the same clients where it watches", async () => {
    let runs = 0;
    await run(cluster, plan([probe("front to back", [series()])]), { again: () => Promise.resolve(++runs < 3) });
    assert.equal(runs, 3);
    assert.equal(cluster.applied.filter(({ kind }) => kind === "Pod").length, 1);
    assert.equal(cluster.requests.length, 9);
  });

  it("waits for no records where no proxy writes any", async () => {
    cluster.answer = () => ({});
    const all = Array.from({ length: 2 }, (_, index) => series({ title: String(index) }));
    const probes = all.map((one, index) => probe(`p${index}`, [one], { alone: true }));
    const { log, slept } = await run(cluster, plan(probes, { deadlineSeconds: 1 }), { onFailure: "warn" });
    assert.equal(log.filter((line) => line.startsWith("No proxy records")).length, 1);
    assert.ok(slept < 60_000, String(slept));
  });
});

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
    assert.deepEqual(cluster.commands, ["shop/front-1 /bin/sh -c kill -TERM 1"], "it is ended");
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
});
