import assert from "node:assert/strict";
import { kubeNodeName, refusedLabelWarnings } from "../../../../components/cluster/talos/config/kube-node";
import { machineConfigProblems } from "../../../../components/cluster/talos/config/node-plan";
import { readPatches } from "../../../../components/cluster/talos/config/user-patches";
import { noFiles, releases, talosSettings } from "./plans";

const controlPlane = {
  hostname: "cp.example.com",
  ipAddress: "cp.example.com",
  controlPlane: true,
  installDisk: "/dev/sda",
};

const files: Readonly<Record<string, string>> = {
  "allow.yaml": "cluster:\n  allowSchedulingOnMasters: true\n",
  "allow.json": '[{"op": "add", "path": "/cluster/allowSchedulingOnControlPlanes", "value": true}]',
  "document.yaml":
    "apiVersion: v1alpha1\nkind: KubeNodeConfig\ntaints: { node-role.kubernetes.io/control-plane: { $patch: delete } }\n",
};

const readFile = (file: string) => files[file] ?? noFiles(file);

function cluster(release: keyof typeof releases, over: Record<string, unknown> = {}) {
  return talosSettings({
    ...{ kind: "talos", name: "test", endpoint: "https://192.0.2.10:6443", ...releases[release] },
    ...{ nodes: [controlPlane], ...over },
  });
}

function nameOf(settings: ReturnType<typeof cluster>) {
  return kubeNodeName(settings, 0, readPatches(settings, readFile));
}

describe("a node in Kubernetes", () => {
  it("has the first part of the host name", () => {
    assert.equal(nameOf(cluster("v1.13")), "cp");
  });

  it("has the whole host name where a patch or a document registers it so", () => {
    const patch = { machine: { kubelet: { registerWithFQDN: true } } };
    const patches = [
      [patch],
      [JSON.stringify(patch)],
      [[{ op: "add", path: "/machine/kubelet", value: patch.machine.kubelet }]],
    ];
    for (const over of patches) assert.equal(nameOf(cluster("v1.7", { patches: over })), "cp.example.com");
    const documents = [{ apiVersion: "v1alpha1", kind: "KubeNodeConfig", registerWithFQDN: true }];
    for (const at of ["controlPlane", "nodes"]) {
      const over = at === "nodes" ? { nodes: [{ ...controlPlane, documents }] } : { controlPlane: { documents } };
      assert.equal(nameOf(cluster("v1.14", over)), "cp.example.com", at);
    }
  });

  it("is schedulable on a control plane where a setting, a patch or a document says so", () => {
    const problems = (over: Record<string, unknown>, release: keyof typeof releases = "v1.7") =>
      [...machineConfigProblems(cluster(release, over), readFile)].map(({ message }) => message);
    assert.match(problems({}).join(), /^found no worker/);
    assert.match(problems({ worker: { patches: ["@allow.yaml"] } }).join(), /^found no worker/);
    assert.deepEqual(problems({ allowSchedulingOnControlPlanes: true }), []);
    assert.deepEqual(problems({ patches: ["@allow.yaml"] }), []);
    assert.deepEqual(problems({ controlPlane: { patches: ["@allow.json"] } }), []);
    assert.deepEqual(problems({ nodes: [{ ...controlPlane, patches: ["@document.yaml"] }] }, "v1.14"), []);
  });

  it("leaves the question open where a patch cannot be read", () => {
    const settings = cluster("v1.13", { patches: ["@none.yaml"] });
    assert.deepEqual(
      [...machineConfigProblems(settings, readFile)].map(({ message }) => message),
      ['found "@none.yaml"; no such file (relative to Pulumi.yaml)'],
    );
  });
});

describe("the labels of a worker", () => {
  const refused = "node-role.kubernetes.io/worker";
  const warnings = (over: object, group: object = {}, patches: unknown[] = []) => {
    const worker = { hostname: "worker-1", ipAddress: "192.0.2.11", installDisk: "/dev/sda", ...over };
    const settings = cluster("v1.13", { nodes: [controlPlane, worker], worker: group, patches });
    return refusedLabelWarnings(settings, readPatches(settings, readFile));
  };

  it("that the API server refuses of a kubelet are named, with what to do, wherever they are set", () => {
    const expected = [
      "node worker-1: Kubernetes refuses the labels node-role.kubernetes.io/worker of a worker, and with them its other " +
        "labels, annotations and taints; remove them, and run: kubectl label node worker-1 node-role.kubernetes.io/worker=a",
    ];
    const nodeLabels = { [refused]: "a", zone: "b" };
    assert.deepEqual(warnings({ nodeLabels }), expected);
    assert.deepEqual(warnings({}, { nodeLabels }), expected);
    assert.deepEqual(warnings({}, {}, [{ machine: { nodeLabels } }]), expected);
  });

  it("are refused by their prefix, except for those that are the kubelet's", () => {
    const labels = (...names: string[]) => warnings({ nodeLabels: Object.fromEntries(names.map((one) => [one, ""])) });
    for (const label of ["node-restriction.kubernetes.io/a", "example.kubernetes.io/a", "k8s.io/a", "x.k8s.io/a"]) {
      assert.equal(labels(label).length, 1, label);
    }
    const accepted = [
      ...["topology.kubernetes.io/zone", "node.kubernetes.io/exclude-from-external-load-balancers", "example.com/a"],
      ...["kubernetes.io/hostname", "a.kubelet.kubernetes.io/b", "kubernetes.io.example/a"],
    ];
    assert.deepEqual(labels(...accepted), []);
  });

  it("are no matter of a control plane, where Talos has an administrator's credentials", () => {
    const settings = cluster("v1.13", { nodes: [{ ...controlPlane, nodeLabels: { [refused]: "" } }] });
    assert.deepEqual(refusedLabelWarnings(settings, readPatches(settings, readFile)), []);
  });
});
