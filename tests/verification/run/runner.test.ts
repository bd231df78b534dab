import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { ExecError } from "../../../components/shared/kubernetes/errors";
import { VerificationFailed } from "../../../components/verification/run/runner";
import { FakeCluster } from "./fake-cluster";
import { answered, backPod, clientPod, outside, plan, probe, run, series } from "./plans";

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
    // On this clock only pauses take time.
    assert.match(log.at(-2) ?? "", /^Time: probes together 1\.2 s, clients 0\.\d s, /);
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
    const { error, results: without } = await run(cluster, plan([probe("front to back", [series()])]));
    assert.ok(error instanceof VerificationFailed);
    assert.match(without[0]?.probes[0]?.reason ?? "", /sends no requests any more: the connection was closed/);
    assert.deepEqual(await cluster.leftovers(), [], "clients are removed after an error");
  });

  it("gives the requests of a batch other numbers where it is sent again, as proxies may have recorded the first ones", async () => {
    const ids: string[] = [];
    cluster.answer = ({ id }) => {
      ids.push(id);
      if (ids.length === 3) throw new ExecError("the connection was closed");
      // As if the first try had been denied.
      return ids.length < 3 ? denied : { records: answered() };
    };
    const { results } = await run(cluster, plan([probe("front to back", [series()])]));
    assert.deepEqual([results[0]?.verdict, results[0]?.requests], ["holds", 6]);
    assert.equal(new Set(ids).size, ids.length);
  });

  it("sends no more than maxRequests, repetitions and further tries included, and says so", async () => {
    cluster.answer = ({ url }) => (url.endsWith("/wrong") ? denied : { records: answered() });
    const request = { ...series().request, path: "/wrong" };
    const probes = [probe("wrong", [series({ request })]), probe("last", [series({ count: 20 })], { alone: true })];
    const { results, log } = await run(cluster, plan(probes, { maxRequests: 30 }));
    const [wrong, last] = results[0]?.probes ?? [];
    assert.equal(last?.verdict, "holds", "what is planned is measured");
    assert.match(wrong?.reason ?? "", /; it was not measured again, as verification.maxRequests is 30$/);
    assert.equal(cluster.requests.length, 9 + 20);
    assert.ok(log.some((line) => line.startsWith("not measured again, as verification.maxRequests is 30")));
    cluster.requests.length = 0;
    let commands = 0;
    cluster.answer = () => {
      if (commands++ < 6) throw new ExecError("the connection was closed");
      return { records: answered() };
    };
    await run(
      cluster,
      plan([probe("first", [series()]), probe("last", [series()], { alone: true })], { maxRequests: 6 }),
    );
    assert.ok(cluster.requests.length <= 6, String(cluster.requests.length));
  });

  it("measures by the other clients where the pod of one is gone", async () => {
    const exec = cluster.exec.bind(cluster);
    cluster.exec = (client, ...rest) =>
      `${client.namespace}/${client.pod}` === clientPod
        ? Promise.reject(new ExecError("pods talos-mesh-probe-front not found"))
        : exec(client, ...rest);
    const probes = [probe("gone", [series()]), probe("there", [series({ client: outside })])];
    const { results } = await run(cluster, plan(probes));
    assert.deepEqual(
      results[0]?.probes.map(({ verdict }) => verdict),
      ["control failed", "holds"],
    );
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
    const { results, summary, log } = await run(cluster, plan(probes), { only: ["Weights"] });
    assert.deepEqual(
      results[0]?.probes.map(({ name }) => name),
      ["weights reviews"],
    );
    assert.equal(results[0]?.partOf, 2);
    assert.match(summary?.sentences[0] ?? "", /^Policies: partial: 1 of 2 probes: 1 holds/);
    assert.match(log.at(-1) ?? "", /verification-partial\.html$/);
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

  it("compares the certificate that a server shows with what its Secret has at that moment", async () => {
    const [shown = "", other = ""] = rootCertificates.filter(
      (pem) => Date.parse(new X509Certificate(pem).validTo) > Date.now() + 86_400_000,
    );
    cluster.certificates.set("ingress/tls", other);
    cluster.answer = ({ id }) => {
      if (Number(id.split("-")[2]) >= 3) cluster.certificates.set("ingress/tls", shown);
      return { certificate: shown, records: answered() };
    };
    const outcome = { title: "its certificate", certificate: { secrets: ["ingress/tls"] } };
    const { results, log } = await run(cluster, plan([probe("tls", [series({ expect: { kind: "every", outcome } })])]));
    assert.deepEqual([results[0]?.verdict, results[0]?.requests], ["holds", 6]);
    assert.match(log.join("\n"), /that is not the one in Secret ingress\/tls/);
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
