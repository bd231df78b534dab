import assert from "node:assert/strict";
import { acceptance } from "../../components/platform/acceptance/acceptance";
import { ApiError, UnknownKindError } from "../../components/shared/kubernetes/errors";
import { denied, FakeCluster } from "../mesh/lifecycle/fake-cluster";

const pool = {
  apiVersion: "metallb.io/v1beta1",
  kind: "IPAddressPool",
  metadata: { name: "public", namespace: "metallb-system" },
  spec: { addresses: ["192.0.2.64/27"] },
};
const announcement = { ...pool, kind: "L2Advertisement", spec: {} };
const objects = [pool, announcement];
const unreachable = new ApiError(500, 'failed calling webhook "pools.metallb.io": connect: connection refused');

describe("waiting until the API server accepts objects of a release", () => {
  it("waits for the webhook, and for a kind that is not served yet", async () => {
    const cluster = new FakeCluster();
    let [waited, served] = [0, false];
    cluster.meanwhile = (seconds) => {
      waited = seconds;
      served = seconds > 20;
    };
    cluster.admission = ({ kind }) => {
      if (kind === "IPAddressPool") return waited > 10 ? pool : unreachable;
      return served ? announcement : new UnknownKindError(`no kind ${kind}`);
    };
    assert.deepEqual(await acceptance(cluster, { objects }), { accepted: 2 });
    assert.ok(waited > 20);
    assert.match(cluster.logged.join("\n"), /IPAddressPool public: failed calling webhook.*connection refused/);
  });

  it("leaves a refusal to the creation of the object, and does not wait for one that exists", async () => {
    const cluster = new FakeCluster();
    cluster.meanwhile = () => assert.fail("it waited");
    for (const answer of [denied("pools.metallb.io"), new ApiError(409, "already exists")]) {
      cluster.admission = () => answer;
      assert.deepEqual(await acceptance(cluster, { objects }), { accepted: 2 });
    }
  });

  it("ends after two minutes, with the reason and what to do", async () => {
    const cluster = new FakeCluster();
    cluster.admission = () => unreachable;
    await assert.rejects(acceptance(cluster, { objects }), /IPAddressPool public: failed calling webhook[^]*next: see/);
  });
});
