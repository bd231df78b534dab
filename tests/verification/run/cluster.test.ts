import assert from "node:assert/strict";
import type { ApiServer } from "../../../components/shared/kubernetes/api-server";
import { ApiError } from "../../../components/shared/kubernetes/errors";
import { KubernetesCluster } from "../../../components/verification/run/cluster";

describe("the log of a proxy", () => {
  const logOf = (request: () => Promise<unknown>) =>
    new KubernetesCluster({ request } as unknown as ApiServer).proxyLog("shop", "front-1", 5);
  const refused = (status: number, message: string) => () => Promise.reject(new ApiError(status, message));

  it("is empty while the proxy starts, where its pod is gone, and where its node does not answer", async () => {
    const starting = 'container "istio-proxy" in pod "front-1" is waiting to start: PodInitializing';
    assert.equal(await logOf(refused(400, starting)), "");
    assert.equal(await logOf(refused(404, 'pods "front-1" not found')), "");
    assert.equal(await logOf(refused(502, "dial tcp 10.0.0.5:10250: i/o timeout")), "");
  });

  it("is not taken for empty where the login may not read it", async () => {
    await assert.rejects(logOf(refused(403, "pods/log is forbidden")), /pods\/log is forbidden/);
  });

  it("of one line of JSON is that line", async () => {
    assert.equal(await logOf(() => Promise.resolve({ probe: "a-0-0" })), '{"probe":"a-0-0"}');
  });
});
