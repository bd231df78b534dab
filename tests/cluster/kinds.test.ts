import assert from "node:assert/strict";
import { clusterKinds, clusterSettings, type ClusterTraits, clusterTraits } from "../../components/cluster/kinds";

const versions = { talosVersion: "v1.13.9", kubernetesVersion: "v1.35.2" };
const machine = (number: number, controlPlane: boolean) => ({
  hostname: `node-${number}`,
  ipAddress: `192.0.2.${number}`,
  controlPlane,
  installDisk: "/dev/sda",
});
const examples = {
  embedded: { name: "lab", workers: 1, kubernetesVersion: "v1.35.2" },
  docker: { name: "lab", ...versions },
  talos: {
    ...{ name: "lab", endpoint: "https://192.0.2.1:6443", ...versions },
    nodes: [machine(1, true), machine(2, false)],
  },
  existing: {
    ...{ name: "lab", kubeconfig: { file: "config", context: "admin" }, nodeAddress: "192.0.2.9" },
    ...{ talos: true, talosVersion: "v1.13.9" },
  },
};

type Kind = keyof typeof examples;

function traitsOf(kind: Kind, over: object = {}): ClusterTraits {
  return clusterTraits(clusterSettings.parse({ kind, ...examples[kind], ...over }));
}

/** A trait of every kind. */
function trait<Name extends keyof ClusterTraits>(name: Name): Record<Kind, ClusterTraits[Name]> {
  const kinds = Object.keys(examples) as Kind[];
  return Object.fromEntries(kinds.map((kind) => [kind, traitsOf(kind)[name]])) as Record<Kind, ClusterTraits[Name]>;
}

describe("the traits of a cluster", () => {
  it("exist for every kind", () => {
    assert.deepEqual(Object.keys(clusterKinds).sort(), Object.keys(examples).sort());
  });

  it("summarize its kind, its versions and its nodes", () => {
    assert.deepEqual(trait("summary"), {
      embedded: "lab: embedded on this machine, Kubernetes v1.35.2, 1 control plane and 1 worker, simulated",
      docker: "lab: Talos v1.13.9 in containers, Kubernetes v1.35.2, 1 control plane and 2 workers",
      talos: "lab: Talos v1.13.9, Kubernetes v1.35.2, 1 control plane and 1 worker",
      existing: "lab: existing",
    });
  });

  it("tell whether its nodes run containers, and whether they run Talos", () => {
    assert.deepEqual(trait("simulatedNodes"), { embedded: true, docker: false, talos: false, existing: false });
    assert.deepEqual(trait("talos"), { embedded: false, docker: true, talos: true, existing: true });
    assert.equal(traitsOf("existing", { talos: false }).talos, false);
  });

  it("tell what its CNI does with a NetworkPolicy", () => {
    const policies = { embedded: "enforced", docker: "ignored", talos: "ignored", existing: "unknown" };
    assert.deepEqual(trait("networkPolicies"), policies);
    const flannel = { name: "flannel", kubeNetworkPoliciesEnabled: true };
    assert.equal(traitsOf("talos", { cni: flannel }).networkPolicies, "enforced");
    assert.equal(traitsOf("talos", { cni: { name: "none" } }).networkPolicies, "unknown");
    const patch = { cluster: { network: { cni: { name: "none" } } } };
    assert.equal(traitsOf("talos", { patches: [patch] }).networkPolicies, "unknown");
  });

  it("tell where NodePorts answer: on machines, at the first worker", () => {
    const addresses = { embedded: undefined, docker: "10.5.0.2", talos: "192.0.2.2", existing: "192.0.2.9" };
    assert.deepEqual(trait("nodeAddress"), addresses);
    assert.equal(traitsOf("talos", { nodes: [machine(1, true)] }).nodeAddress, "192.0.2.1");
    assert.equal(traitsOf("docker", { exposedPorts: [30080] }).nodeAddress, "localhost");
  });
});
