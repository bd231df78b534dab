import assert from "node:assert/strict";
import { cniWithoutFiles } from "../../../../components/cluster/kinds/cni";
import { isTree } from "../../../../components/shared/merge";
import { articleCluster, first, patchesOf, planOf, type Release, releases } from "./plans";

const node = { hostname: "a", ipAddress: "192.0.2.1", controlPlane: true, installDisk: "/dev/sda" };

/** The same with the keys of each mapping the other way round. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (!isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}

/** The node's machine section as the settings write it. */
const machineOf = (release: Release, over: Record<string, unknown>, cluster: Record<string, unknown> = {}) => {
  const settings = articleCluster(release, { patches: [], ...cluster, nodes: [{ ...node, ...over }] });
  return (patchesOf(first(planOf(settings)))[0] as { machine: Record<string, Record<string, unknown>> }).machine;
};

describe("machine configs of a stack file with its keys in another order", () => {
  const cluster = {
    patches: [
      { machine: { sysctls: { b: "1", a: "2" }, files: [{ path: "/etc/a", op: "create", content: "x" }] } },
      [{ op: "add", path: "/machine/env", value: { b: "1", a: "2" } }],
      { apiVersion: "v1alpha1", kind: "KmsgLogConfig", name: "remote", url: "tcp://192.0.2.9:5000" },
    ],
    controlPlane: {
      nodeLabels: { b: "1", a: "2" },
      documents: [{ apiVersion: "v1alpha1", kind: "X", z: 1, b: { d: 1, c: 2 } }],
    },
    nodes: [
      {
        ...node,
        installDisk: undefined,
        installDiskSelector: { size: ">= 1GB", model: "W*", busPath: "/pci*", type: "ssd" },
        networkInterfaces: [{ interface: "eth0", dhcp: true, vip: { ip: "192.0.2.10" } }],
        ingressFirewall: {
          defaultAction: "block",
          rules: [{ name: "a", portSelector: { protocol: "tcp", ports: [22] }, ingress: [{ subnet: "192.0.2.0/24" }] }],
        },
        nodeTaints: { b: "x:NoSchedule", a: "y:NoSchedule" },
        nodeAnnotations: { b: "1", a: "2" },
      },
    ],
  };

  for (const release of Object.keys(releases).filter((each) => each !== "v1.7") as Release[]) {
    it(`are the same, byte for byte, with Talos ${release}`, () => {
      const other = reversed(cluster) as typeof cluster;
      assert.notEqual(JSON.stringify(other), JSON.stringify(cluster));
      const contents = (over: Record<string, unknown>) =>
        first(planOf(articleCluster(release, over))).patches.map(({ content }) => content);
      assert.deepEqual(contents(other), contents(cluster));
    });
  }
});

describe("kernel arguments of a schematic", () => {
  const schematic = { extraKernelArgs: ["noapic", "net.ifnames=0"] };

  it("are also given to the installer below contract v1.12, which takes none from the image", () => {
    assert.deepEqual(machineOf("v1.7", {}, { schematic }).install, schematic);
    assert.deepEqual(machineOf("v1.7", { schematic }).install, schematic);
    assert.deepEqual(machineOf("v1.14", {}, { schematic, contract: "v1.11" }).install, schematic);
  });

  it("are in the image alone from then on", () => {
    for (const release of ["v1.12", "v1.13", "v1.14"] as const) {
      assert.equal(machineOf(release, { certSANs: ["a.example.com"] }, { schematic }).install, undefined, release);
    }
  });
});

describe("further addresses of a node", () => {
  it("are in its certificates, and one of each family goes to Kubernetes", () => {
    const machine = machineOf("v1.13", { additionalAddresses: ["198.51.100.7", "2001:db8::7"] });
    assert.deepEqual(machine.certSANs, ["198.51.100.7", "2001:db8::7"]);
    assert.deepEqual(machine.kubelet, { nodeIP: { validSubnets: ["192.0.2.1/32", "2001:db8::7/128"] } });
  });

  it("of the same family are in its certificates alone", () => {
    assert.equal(machineOf("v1.13", { additionalAddresses: ["198.51.100.7"] }).kubelet, undefined);
  });

  it("keep the family of the node's address first", () => {
    const machine = machineOf("v1.13", { ipAddress: "2001:db8::1", additionalAddresses: ["192.0.2.1"] });
    assert.deepEqual(machine.kubelet, { nodeIP: { validSubnets: ["2001:db8::1/128", "192.0.2.1/32"] } });
  });

  it("go to the document of their own from contract v1.14 on", () => {
    const over = { patches: [], nodes: [{ ...node, additionalAddresses: ["2001:db8::7"] }] };
    const documents = patchesOf(first(planOf(articleCluster("v1.14", over)))) as { kind?: string }[];
    const validSubnets = ["192.0.2.1/32", "2001:db8::7/128"];
    const found = documents.find(({ kind }) => kind === "KubeNodeConfig");
    assert.deepEqual((found as { nodeIP?: unknown }).nodeIP, { validSubnets });
  });
});

describe("the CNI of a cluster", () => {
  const none = { cluster: { network: { cni: { name: "none" } } } };
  const cases: [what: string, over: object, expected: ReturnType<typeof cniWithoutFiles>][] = [
    ["the settings", { cni: { name: "none" } }, { name: "none" }],
    ["nothing", {}, { name: "flannel" }],
    ["a strategic merge", { patches: [none] }, { name: "none" }],
    [
      "a strategic merge as text",
      { patches: ["cluster:\n  network:\n    cni:\n      name: none\n"] },
      { name: "none" },
    ],
    [
      "RFC 6902",
      { patches: [[{ op: "add", path: "/cluster/network/cni", value: { name: "none" } }]] },
      { name: "none" },
    ],
    [
      "RFC 6902 to the name",
      { patches: [[{ op: "replace", path: "/cluster/network/cni/name", value: "none" }]] },
      { name: "none" },
    ],
    ["a patch of the control planes", { controlPlane: { patches: [none] } }, { name: "none" }],
    [
      "a document",
      { patches: [{ apiVersion: "v1alpha1", kind: "KubeFlannelCNIConfig", $patch: "delete" }] },
      { name: "none" },
    ],
    ["a patch of workers, which install none", { worker: { patches: [none] } }, { name: "flannel" }],
    ["a file, which is not read here", { patches: ["@cni.yaml"] }, undefined],
    [
      "a patch, with manifests",
      { patches: [{ cluster: { ...none.cluster, inlineManifests: [{ name: "cilium", contents: "a: b" }] } }] },
      { name: "none", source: "the manifests of a patch or a document" },
    ],
    [
      "the settings, with manifests",
      { cni: { name: "none" }, inlineManifests: [{ name: "cilium", contents: "a: b" }] },
      { name: "none", source: "cluster.inlineManifests" },
    ],
    [
      "custom",
      { cni: { name: "custom", urls: ["https://example.com/cni.yaml"] } },
      { name: "custom", source: "the manifests of cluster.cni.urls" },
    ],
  ];
  for (const [what, over, expected] of cases) {
    it(`is known where it is set by ${what}`, () => {
      assert.deepEqual(cniWithoutFiles(articleCluster("v1.14", { patches: [], ...over })), expected);
    });
  }
});
