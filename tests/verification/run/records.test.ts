import assert from "node:assert/strict";
import type { Series } from "../../../components/verification/probe";
import { Records } from "../../../components/verification/run/records";
import type { Sent } from "../../../components/verification/run/requests";
import { FakeCluster, meshPod } from "./fake-cluster";
import { answered, backPod, clientPod, plan, probe, series } from "./plans";

describe("the records of requests", () => {
  let cluster: FakeCluster;
  let pauses: number[];
  /** What happens while a pause goes by, by its number. */
  let onPause: (index: number) => void;
  let read: string[];
  let notes: string[];
  beforeEach(() => {
    cluster = new FakeCluster();
    const [namespace = "", pod = ""] = clientPod.split("/");
    const client = meshPod(namespace, pod, { labels: { app: "front", "talos-mesh/verification-client": "true" } });
    cluster.workloads = [backPod, client, meshPod("shop", "other-1", { addresses: ["10.0.0.9"] })];
    pauses = [];
    onPause = () => undefined;
    [read, notes] = [[], []];
    const followLog = cluster.followLog.bind(cluster);
    cluster.followLog = (proxy, ...rest) => {
      read.push(`${proxy.namespace}/${proxy.name}`);
      return followLog(proxy, ...rest);
    };
  });

  function sent(id: string, more: Partial<Series> = {}): Sent {
    const one = series(more);
    const [namespace = "", pod = ""] = clientPod.split("/");
    const client = { key: "shop/front", namespace, pod, container: "client", proxied: true };
    const order = { probe: probe("p", [one]), series: one, number: 0, client, count: 1, concurrency: 1 };
    return { id, order, observation: { status: 200, exitCode: 0, connected: true, seconds: 0.01, headers: {} } };
  }

  async function collect(all: readonly Sent[], more: Parameters<typeof plan>[1] = {}, bytesAtMost?: number) {
    const records = new Records({
      ...{ cluster, plan: plan([], more), run: "a", now: () => 0, note: (line) => notes.push(line), bytesAtMost },
      sleep: (ms) => {
        onPause(pauses.push(ms) - 1);
        return Promise.resolve();
      },
    });
    const found = await records.during(
      all.map(({ order }) => order),
      () => Promise.resolve(all),
    );
    assert.equal(cluster.followed, 0, "no log is followed when nothing is sent");
    return found.records;
  }

  function write(id: string, lines: ReturnType<typeof answered> = answered()): void {
    for (const [pod, line] of Object.entries(lines)) cluster.record(pod, { probe: id, status: 200, ...line });
  }

  it("are those of each request, the client's first, with the pod behind the address", async () => {
    for (const id of ["a-0-0", "a-0-1"]) write(id);
    write("another-run-0");
    const found = await collect([sent("a-0-0"), sent("a-0-1")]);
    assert.deepEqual([...found.keys()].sort(), ["a-0-0", "a-0-1"]);
    const [first, second] = found.get("a-0-0") ?? [];
    assert.deepEqual([first?.proxy.side, second?.proxy.side], ["outbound", "inbound"]);
    assert.deepEqual(first?.upstream, { namespace: "shop", pod: "back-1", workload: "shop/back", version: "v1" });
    assert.equal(pauses.length, 1);
  });

  it("have no query, in which a token may be", async () => {
    cluster.record(clientPod, { probe: "a-0-0", status: 200, path: "/pay?access_token=secret" });
    const found = await collect([sent("a-0-0")]);
    assert.deepEqual(
      found.get("a-0-0")?.map((record) => record.path),
      ["/pay"],
    );
  });

  it("are waited for while those of one side are missing", async () => {
    const { [clientPod]: atClient, "shop/back-1": atServer } = answered();
    write("a-0-0", { [clientPod]: atClient } as ReturnType<typeof answered>);
    onPause = (index) => index === 2 && write("a-0-0", { "shop/back-1": atServer } as ReturnType<typeof answered>);
    const found = await collect([sent("a-0-0")]);
    assert.equal(found.get("a-0-0")?.length, 2);
    assert.equal(pauses.length, 3);
  });

  it("are waited for five seconds at most", async () => {
    write("a-0-0");
    const found = await collect([sent("a-0-0"), sent("a-0-1")]);
    assert.deepEqual([...found.keys()], ["a-0-0"]);
    const total = pauses.reduce((sum, ms) => sum + ms, 0);
    assert.ok(total >= 5000 && total < 6000, String(total));
    assert.deepEqual([...read].sort(), ["shop/back-1", clientPod], "each log is opened once, however long that is");
  });

  it("are of the lines that are read, and the report says of which proxy there are more", async () => {
    for (let line = 0; line < 100; line++) cluster.record("shop/back-1", { probe: `another-0-${line}`, status: 200 });
    write("a-0-0");
    await collect([sent("a-0-0")], {}, 2000);
    assert.deepEqual(notes, [
      "The proxy shop/back-1 writes more than is read of its log: records of some requests are missing",
    ]);
  });

  it("are also read where the first ones say that a request went", async () => {
    write("a-0-0", { [clientPod]: answered("10.0.0.9")[clientPod] } as ReturnType<typeof answered>);
    cluster.record("shop/other-1", { probe: "a-0-0", status: 200, upstream_cluster: "inbound|80||" });
    const found = await collect([sent("a-0-0")]);
    assert.deepEqual(
      found.get("a-0-0")?.map(({ proxy }) => proxy.pod),
      ["talos-mesh-probe-front", "other-1"],
    );
  });

  it("are read at gateways and waypoints only where requests come by them", async () => {
    const managed = { "gateway.istio.io/managed": "istio.io-mesh-controller" };
    cluster.workloads.push(
      meshPod("edge", "ingress-1", { labels: { istio: "ingress" } }),
      meshPod("shop", "waypoint-1", { labels: managed }),
      meshPod("edge", "waypoint-2", { labels: managed }),
    );
    const gateways = [{ name: "ingress", namespace: "edge", service: "ingress", selector: { istio: "ingress" } }];
    await collect([sent("a-0-0")], { gateways });
    assert.deepEqual([...read].sort(), ["shop/back-1", "shop/talos-mesh-probe-front", "shop/waypoint-1"]);
    const to = { kind: "gateway", namespace: "edge", service: "ingress", port: 80, host: "shop.example" } as const;
    cluster.record("edge/ingress-1", { probe: "a-0-1", status: 404, flags: "NR" });
    const found = await collect([sent("a-0-1", { request: { to } })], { gateways });
    assert.deepEqual(
      found.get("a-0-1")?.map(({ proxy, flags }) => [proxy.kind, flags]),
      [["gateway", ["NR"]]],
    );
  });
});
