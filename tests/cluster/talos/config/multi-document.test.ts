import assert from "node:assert/strict";
import { dockerPatches, machineConfigProblems } from "../../../../components/cluster/talos/config/node-plan";
import { readPatches } from "../../../../components/cluster/talos/config/user-patches";
import { clusterSettings } from "../../../../components/cluster/kinds";
import { articleCluster, first, noFiles, patchesOf, planOf, problemsOf, type Release, releases } from "./plans";

/** The documents of a kind that the first node is patched with. */
function documents(release: Release, over: Record<string, unknown>, kind?: string): unknown[] {
  const patches = patchesOf(first(planOf(articleCluster(release, { patches: [], ...over }))));
  return patches.filter((patch) => (patch as { kind?: string }).kind === kind);
}

describe("migration to documents", () => {
  it("reports what has no counterpart in the contract", () => {
    const problems = (kubelet: unknown) =>
      problemsOf("v1.14", { contract: "v1.14", patches: [{ machine: { kubelet } }] });
    const at = "talos-mesh:cluster.patches[0]: machine.kubelet is not in contract v1.14:";
    assert.deepEqual(problems({ extraMounts: [] }), [
      `${at} extraMounts has no counterpart there; write the documents themselves`,
    ]);
    assert.deepEqual(problems({ $patch: "delete" }), [
      `${at} $patch has to be in the document that has the field now; write the documents themselves`,
    ]);
    assert.deepEqual(problems("on"), [`${at} expected a mapping; write the documents themselves`]);
  });

  it("converts a strategic patch like a JSON patch", () => {
    const strategic = { machine: { kubelet: { extraArgs: { "rotate-server-certificates": "true", v: "4" } } } };
    const json = [{ op: "add", path: "/machine/kubelet/extraArgs", value: strategic.machine.kubelet.extraArgs }];
    const expected = [
      { apiVersion: "v1alpha1", kind: "KubeletConfig", config: { serverTLSBootstrap: true }, extraArgs: { v: "4" } },
    ];
    assert.deepEqual(documents("v1.14", { patches: [strategic] }, "KubeletConfig"), expected);
    assert.deepEqual(documents("v1.14", { patches: [json] }, "KubeletConfig"), expected);
  });

  const migrated: readonly (readonly [patch: Record<string, unknown>, document: Record<string, unknown>])[] = [
    [{ cluster: { proxy: { disabled: true } } }, { kind: "KubeProxyConfig", enabled: false }],
    [{ cluster: { coreDNS: { disabled: false } } }, { kind: "KubeCoreDNSConfig", enabled: true }],
    [{ cluster: { scheduler: { config: { a: 1 } } } }, { kind: "KubeSchedulerConfig", config: { a: 1 } }],
    [
      { cluster: { controllerManager: { extraArgs: { a: "b" } } } },
      { kind: "KubeControllerManagerConfig", extraArgs: { a: "b" } },
    ],
    [
      { cluster: { apiServer: { auditPolicy: { rules: [] } } } },
      { kind: "KubeAuditPolicyConfig", configuration: { rules: [] } },
    ],
    [
      { cluster: { discovery: { enabled: false } } },
      { kind: "DiscoveryServiceConfig", name: "default", $patch: "delete" },
    ],
    [
      { machine: { network: { kubespan: { enabled: true, mtu: 1420 } } } },
      { kind: "KubeSpanConfig", enabled: true, mtu: 1420 },
    ],
    [{ machine: { network: { searchDomains: ["a"] } } }, { kind: "ResolverConfig", searchDomains: { domains: ["a"] } }],
    [{ machine: { features: { kubePrism: { enabled: false } } } }, { kind: "KubePrismConfig", $patch: "delete" }],
    [{ machine: { features: { kubePrism: { port: 7446 } } } }, { kind: "KubePrismConfig", port: 7446 }],
    [{ machine: { features: { hostDNS: { enabled: true } } } }, { kind: "ResolverConfig", hostDNS: { enabled: true } }],
    [{ machine: { sysctls: { a: "b" } } }, { kind: "SysctlConfig", params: { a: "b" } }],
  ];
  for (const [patch, document] of migrated) {
    const kind = String(document.kind);
    it(`writes ${JSON.stringify(patch)} as ${kind} under contract v1.14`, () => {
      assert.deepEqual(documents("v1.14", { patches: [patch] }, kind), [{ apiVersion: "v1alpha1", ...document }]);
      assert.deepEqual(documents("v1.7", { patches: [patch] }, kind), []);
    });
  }

  it("writes a disk selector as Talos itself converts it", () => {
    const node = { hostname: "a", ipAddress: "192.0.2.1", controlPlane: true };
    const selector = { size: "<= 2TB", model: "WDC*", type: "ssd", busPath: "/pci*" };
    const nodes = [{ ...node, installDiskSelector: selector }];
    assert.deepEqual(documents("v1.14", { nodes, schematic: undefined }, "UnattendedInstallConfig"), [
      {
        apiVersion: "v1alpha1",
        kind: "UnattendedInstallConfig",
        installer: { image: "ghcr.io/siderolabs/installer:v1.14.0" },
        provisioning: {
          diskSelector: {
            match:
              'disk.size <= 2000000000000u && glob("WDC*", disk.model) && !disk.rotational && glob("/pci*", disk.bus_path) && disk.transport != "" && !disk.readonly && !disk.cdrom',
          },
          wipe: false,
        },
      },
    ]);
    const plan = first(planOf(articleCluster("v1.14", { nodes })));
    assert.ok(plan.genConfigArgs.includes("--install-disk="));
    assert.match(
      problemsOf("v1.14", { nodes: [{ ...node, installDiskSelector: { name: "x" } }] }).join("\n"),
      /nodes\[0\]: machine\.install is not in contract v1\.14: diskSelector: has no disk selector name: x/,
    );
  });

  it("replaces flannel by another network", () => {
    const cni = { name: "custom", urls: ["https://example.com/a.yaml", "https://example.com/b.yaml"] };
    assert.deepEqual(documents("v1.14", { cni }, "KubeFlannelCNIConfig"), [
      { apiVersion: "v1alpha1", kind: "KubeFlannelCNIConfig", $patch: "delete" },
    ]);
    assert.deepEqual(
      documents("v1.14", { cni }, "KubeExternalManifestConfig").map((one) => (one as { name: string }).name),
      ["custom-cni", "custom-cni-2"],
    );
  });
});

describe("patches of a cluster in containers", () => {
  it("have the form of the contract, by role", () => {
    const settings = clusterSettings.parse({
      kind: "docker",
      name: "test",
      ...releases["v1.14"],
      patches: [{ cluster: { proxy: { disabled: true } } }, { machine: { sysctls: { a: "b" } } }],
    });
    assert.ok(settings.kind === "docker");
    const { controlPlane, worker } = dockerPatches(settings, readPatches(settings, noFiles));
    assert.deepEqual(
      controlPlane.map(({ content }) => /kind: (\w+)/.exec(content)?.[1]),
      ["KubeProxyConfig", "SysctlConfig"],
    );
    assert.deepEqual(
      worker.map(({ content }) => /kind: (\w+)/.exec(content)?.[1]),
      ["SysctlConfig"],
    );
  });

  it("are reported once if they cannot be converted", () => {
    const settings = clusterSettings.parse({
      kind: "docker",
      name: "test",
      ...releases["v1.12"],
      patches: [[{ op: "test", path: "/a" }]],
    });
    assert.ok(settings.kind === "docker");
    assert.equal([...machineConfigProblems(settings, noFiles)].length, 1);
  });
});
