import assert from "node:assert/strict";
import { checkOrder } from "../../components/cluster/stacks/check";
import { FakeCluster, type Given } from "../mesh/lifecycle/fake-cluster";

describe("the check before a cluster is destroyed", () => {
  const request = { stack: "organization/talos-mesh/platform" };
  const marker = (stack: string): Given => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: stack, namespace: "kube-system", labels: { "talos-mesh/stack-on-cluster": "true" } },
    data: { stack: `organization/talos-mesh/${stack}`, cluster: request.stack },
  });

  it("succeeds where no other stack is on it", async () => {
    assert.deepEqual(await checkOrder(new FakeCluster([marker("platform")]), request, false), { checked: true });
  });

  it("fails with the names of the stacks that are on it, and of what to do", async () => {
    const cluster = new FakeCluster([marker("shop"), marker("mesh")]);
    await assert.rejects(checkOrder(cluster, request, false), {
      message:
        "on this cluster is the stack organization/talos-mesh/mesh, and the stack organization/talos-mesh/shop: " +
        "its state would list objects of a cluster that does not exist\n" +
        "next: destroy it first (pulumi destroy --stack organization/talos-mesh/mesh). To destroy this stack all the same: " +
        "npm run destroy -- --force, or TALOS_MESH_FORCE_DESTROY=1 pulumi destroy",
    });
  });

  it("fails where the cluster does not respond, and looks at nothing when it is forced", async () => {
    const cluster = new FakeCluster();
    const unreachable = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    const server = { ...cluster.server, list: () => Promise.reject(unreachable) };
    await assert.rejects(checkOrder({ server, log: cluster.log }, request, false), /does not respond.*\n.*--force/);
    assert.deepEqual(await checkOrder({ server, log: cluster.log }, request, true), { checked: false });
  });
});
