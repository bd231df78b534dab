import assert from "node:assert/strict";
import { annotate } from "../../../components/benchmark/run/grafana";
import { benchmarkTag } from "../../../components/observability/addons/policies-dashboard";
import { ApiServer } from "../../../components/shared/kubernetes/api-server";
import { FakeGrafana } from "./fake-grafana";

describe("an annotation of a benchmark", () => {
  let grafana: FakeGrafana;
  const at = new Date("2026-05-04T03:02:01.234Z");
  const send = async (text = "Benchmark of dev begins", timeoutMs?: number) =>
    annotate(await ApiServer.open({ kubeconfig: grafana.kubeconfig }), "watch", { at, text }, timeoutMs);
  beforeEach(async () => (grafana = await FakeGrafana.start()));
  afterEach(() => grafana.stop());

  it("goes to the pod of Grafana that is ready, as its administrator, with the tag that dashboards ask for", async () => {
    await send();
    assert.deepEqual(grafana.tunnels, ["grafana-new:3000"]);
    const [{ method, path, authorization, body } = assert.fail("nothing came")] = grafana.received;
    assert.deepEqual([method, path], ["POST", "/api/annotations"]);
    assert.equal(authorization, `Basic ${Buffer.from("admin:s:cret").toString("base64")}`);
    assert.deepEqual(JSON.parse(body), {
      ...{ time: 1777863721234, tags: [benchmarkTag], text: "Benchmark of dev begins" },
    });
  });

  it("arrives whole where it is long", async () => {
    const text = "x".repeat(20_000);
    await send(text);
    assert.equal((JSON.parse(grafana.received[0]?.body ?? "") as { text: string }).text, text);
  });

  it("says why Grafana does not have it", async () => {
    grafana.status = 401;
    await assert.rejects(send(), /^Error: Grafana answers 401: /);
    grafana.silent = true;
    await assert.rejects(send("late", 300), /^Error: pod grafana-new gave no answer in time$/);
    grafana.reachable = false;
    await assert.rejects(send("late", 300), /^Error: no tunnel to pod grafana-new: no answer in time$/);
    grafana.ready = false;
    await assert.rejects(send(), /^Error: no pod of Grafana is ready$/);
    grafana.login = undefined;
    await assert.rejects(send(), /^Error: there is no login in Secret watch\/grafana-admin$/);
  });
});
