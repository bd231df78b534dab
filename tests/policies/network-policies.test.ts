import assert from "node:assert/strict";
import { clusterSettings } from "../../components/cluster/kinds";
import { policyNotes } from "../../policies/network-policies";
import { compilePolicies } from "../../policies/compile";
import { ambientShop, type PolicySettings, shopModel } from "../support/policy-models";

const settings: PolicySettings = {
  security: { egress: { allow: [{ from: "front", hosts: ["a-cup-of.coffee"], ports: [443] }] } },
};
const objects = compilePolicies(ambientShop(settings));

function talos(cni: object) {
  return clusterSettings.parse({
    ...{ kind: "talos", name: "test", endpoint: "https://10.0.0.1:6443" },
    ...{ talosVersion: "v1.13.0", kubernetesVersion: "v1.34.0", cni },
    nodes: [{ hostname: "a", ipAddress: "10.0.0.1", controlPlane: true, installDisk: "/dev/sda", arch: "amd64" }],
  });
}

function notes(cluster: ReturnType<typeof talos>, placed = objects): string[] {
  return policyNotes({ cluster: cluster }, placed);
}

describe("notes on egress", () => {
  it("report that flannel by itself ignores NetworkPolicy", () => {
    assert.deepEqual(notes(talos({ name: "flannel" })), [
      "The cluster's flannel ignores NetworkPolicy: a workload that connects to an external IP address bypasses security.egress. " +
        "Set kubeNetworkPoliciesEnabled under talos-mesh:cluster.cni, or use a CNI that enforces NetworkPolicy.",
    ]);
  });

  it("report that another CNI may not enforce it", () => {
    assert.match(
      notes(talos({ name: "none" }))[0] ?? "",
      /^It is not known whether the cluster's CNI enforces NetworkPolicy/,
    );
  });

  it("are absent if flannel enforces it, and without a NetworkPolicy", () => {
    assert.deepEqual(notes(talos({ name: "flannel", kubeNetworkPoliciesEnabled: true })), []);
    assert.deepEqual(notes(talos({ name: "flannel" }), compilePolicies(shopModel(settings))), []);
  });
});
