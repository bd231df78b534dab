import assert from "node:assert/strict";
import { cleanUp, endContainers } from "../../../components/verification/run/clean-up";
import { FakeCluster, meshPod } from "./fake-cluster";
import { answered, backPod, outside, plan, probe, run, series } from "./plans";

describe("cleaning up after verifications", () => {
  let cluster: FakeCluster;
  let slept: number;
  const log: string[] = [];
  const context = () => ({
    ...{ cluster, log: (line: string) => void log.push(line) },
    sleep: (ms: number) => Promise.resolve((slept += ms)),
  });
  const namespace = {
    ...{ apiVersion: "v1", kind: "Namespace", spec: {} },
    metadata: {
      name: "talos-mesh-verification-outside",
      labels: { "app.kubernetes.io/managed-by": "talos-mesh-verification" },
    },
  };
  beforeEach(() => {
    cluster = new FakeCluster();
    [slept, log.length] = [0, 0];
  });

  it("waits for a namespace that is being deleted, a minute at most, and says what it waits for", async () => {
    cluster.leave(namespace);
    cluster.undeletable.add("Namespace talos-mesh-verification-outside");
    const left = await cleanUp(context());
    assert.deepEqual([...left], [["Namespace talos-mesh-verification-outside", "pods has 1 resource instances"]]);
    assert.ok(slept >= 60_000 && slept < 65_000, String(slept));
    assert.deepEqual(log, [
      "waiting until an earlier verification is removed: Namespace talos-mesh-verification-outside: pods has 1 resource instances",
    ]);
    assert.equal(cluster.removed.length, 1, "it is deleted once");
  });

  it("that does not end keeps only the clients from measuring that need the namespace", async () => {
    cluster.workloads = [backPod];
    cluster.answer = () => ({ records: answered() });
    cluster.leave(namespace);
    cluster.undeletable.add("Namespace talos-mesh-verification-outside");
    const { results } = await run(
      cluster,
      plan([probe("in", [series()]), probe("out", [series({ client: outside })])]),
    );
    const [inside, without] = results[0]?.probes ?? [];
    assert.deepEqual([inside?.verdict, without?.verdict], ["holds", "control failed"]);
    assert.match(
      without?.reason ?? "",
      /namespace talos-mesh-verification-outside of an earlier run is still being deleted: pods has 1/,
    );
  });

  it("ends containers that wait in pods of workloads, and not process 1, which may be the pod's own", async () => {
    const waiting = { name: "talos-mesh-probe-abc", image: "curl:1", command: [], startedAt: "2026-11-30T10:00:00Z" };
    const ended = { ...waiting, name: "talos-mesh-probe-old", startedAt: undefined };
    cluster.workloads = [meshPod("shop", "store-0", { ephemeral: [ended, waiting] }), backPod];
    await endContainers(cluster);
    assert.deepEqual(cluster.commands, ['shop/store-0 /bin/sh -c kill -TERM "$(cat /tmp/talos-mesh-probe.pid)"']);
  });
});
