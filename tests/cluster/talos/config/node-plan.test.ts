import assert from "node:assert/strict";
import { installerOf, schematicUploads } from "../../../../components/cluster/talos/config/installer";
import { nodePlan } from "../../../../components/cluster/talos/config/node-plan";
import { nodeSettings } from "../../../../components/cluster/talos/config/node-settings";
import { patchWarnings, readPatches } from "../../../../components/cluster/talos/config/user-patches";
import { articleCluster, first, noFiles, patchesOf, planOf, problemsOf, type Release, releases } from "./plans";

describe("plans of Talos nodes", () => {
  it("are the same every time", () => {
    const settings = articleCluster("v1.14");
    assert.deepEqual(planOf(settings), planOf(settings));
  });

  it("go by the flag of the node's role alone", () => {
    const nodes = planOf(articleCluster("v1.14"));
    assert.deepEqual(
      nodes.map(({ genConfigArgs, patchFlag }) => [genConfigArgs.at(-2), patchFlag]),
      [
        ["--output-types=controlplane", "--config-patch-control-plane"],
        ["--output-types=worker", "--config-patch-worker"],
        ["--output-types=worker", "--config-patch-worker"],
      ],
    );
  });

  it("remove a taint from control planes only: a worker has none, and talosctl would fail", () => {
    const nodes = planOf(articleCluster("v1.14"));
    assert.deepEqual(
      nodes.map((node) => node.patches.some(({ content }) => content.includes("$patch: delete"))),
      [true, false, false],
    );
  });

  it("leave documents of control planes out of workers", () => {
    const over = { additionalApiServerCertSANs: ["api.example.com"], inlineManifests: [{ name: "a", contents: "b" }] };
    const nodes = planOf(articleCluster("v1.14", over));
    const kinds = nodes.map(
      (node) => node.patches.filter(({ content }) => /^kind: Kube(API|Inline)/m.test(content)).length,
    );
    assert.deepEqual(kinds, [2, 0, 0]);
  });

  it("keep to a frozen contract when Talos is newer", () => {
    const node = first(planOf(articleCluster("v1.14", { contract: "v1.12" })));
    assert.ok(node.genConfigArgs.includes("--talos-version=v1.12"));
    assert.match(node.genConfigArgs.join(" "), / --install-image=\S+:v1\.14\.0 /);
  });

  it("name the contract of the cluster where an older one accepts a patch", () => {
    const patches = [[{ op: "remove", path: "/machine/network/interfaces/0" }]];
    const settings = articleCluster("v1.7", { patches });
    const contents = readPatches(settings, noFiles);
    assert.deepEqual(problemsOf("v1.7", { patches }), []);
    assert.throws(() => nodePlan({ ...settings, contract: "v1.12" }, 0, contents), {
      name: "UserError",
      message:
        /^talos-mesh:cluster\.patches\[0\]: .*; set talos-mesh:cluster\.contract: v1\.12, with which the cluster was created, and change the patch$/,
    });
  });

  it("upload every schematic once, as the bytes of its ID", () => {
    assert.deepEqual(schematicUploads(articleCluster("v1.14")), [
      {
        id: "6ebbfe35c8225645c05d4d19eaad385bd1ec795954932d0ada671388272fec19",
        url: "https://factory.talos.dev/schematics",
        body: "customization:\n    systemExtensions:\n        officialExtensions:\n            - siderolabs/qemu-guest-agent\n            - siderolabs/iscsi-tools\n",
      },
    ]);
  });

  const images: readonly (readonly [string, Release, Record<string, unknown>, Record<string, unknown>, string])[] = [
    ["no schematic", "v1.7", { schematic: undefined }, {}, "ghcr.io/siderolabs/installer:v1.7.4"],
    [
      "SecureBoot before Talos 1.10",
      "v1.7",
      { schematic: { secureboot: true } },
      {},
      "factory.talos.dev/installer-secureboot/376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba:v1.7.4",
    ],
    [
      "SecureBoot since Talos 1.10",
      "v1.12",
      { schematic: { secureboot: true } },
      {},
      "factory.talos.dev/metal-installer-secureboot/376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba:v1.12.4",
    ],
    [
      "another platform and factory",
      "v1.12",
      { schematic: {}, imageFactory: { registryURL: "factory.example.com:5000" } },
      { platform: "nocloud" },
      "factory.example.com:5000/nocloud-installer/376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba:v1.12.4",
    ],
    [
      "a custom template",
      "v1.12",
      {
        schematic: { secureboot: true },
        imageFactory: { installerURLTmpl: "{{.RegistryURL}}/x{{if .Secureboot}}-sb{{end}}:{{ .Version }}" },
      },
      {},
      "factory.talos.dev/x-sb:v1.12.4",
    ],
    ["a custom image", "v1.12", {}, { talosImageURL: "localhost:5000/installer" }, "localhost:5000/installer:v1.12.4"],
    [
      "a custom image with a digest",
      "v1.12",
      {},
      { talosImageURL: `r.example.com/i@sha256:${"0".repeat(64)}` },
      `r.example.com/i@sha256:${"0".repeat(64)}`,
    ],
  ];
  for (const [name, release, over, nodeOver, image] of images) {
    it(`install from the right image: ${name}`, () => {
      const node = { hostname: "a", ipAddress: "192.0.2.1", controlPlane: true, installDisk: "/dev/sda", ...nodeOver };
      const settings = articleCluster(release, { ...over, nodes: [node] });
      const plan = first(planOf(settings));
      assert.equal(installerOf(settings, nodeSettings(settings, 0)).image, image);
      assert.ok(plan.genConfigArgs.includes(`--install-image=${image}`));
    });
  }

  it("give a node's own value instead of its group's, and certSANs, documents and patches of both", () => {
    const settings = articleCluster("v1.7", {
      patches: [{ machine: { sysctls: { a: "all" } } }],
      controlPlane: {
        nodeLabels: { of: "group" },
        nameservers: ["192.0.2.53"],
        certSANs: ["group.example.com"],
        documents: [{ apiVersion: "v1alpha1", kind: "KmsgLogConfig", name: "group" }],
        patches: [{ machine: { sysctls: { b: "group" } } }],
      },
      nodes: [
        {
          hostname: "a",
          ipAddress: "192.0.2.1",
          controlPlane: true,
          installDisk: "/dev/sda",
          nodeLabels: { of: "node" },
          certSANs: ["node.example.com"],
          documents: [{ apiVersion: "v1alpha1", kind: "KmsgLogConfig", name: "node" }],
          patches: [{ machine: { sysctls: { c: "node" } } }],
        },
      ],
    });
    const node = first(planOf(settings));
    assert.deepEqual(
      node.patches.map(({ origin }) => origin),
      [
        "settings",
        "talos-mesh:cluster.patches[0]",
        "talos-mesh:cluster.controlPlane.patches[0]",
        "talos-mesh:cluster.nodes[0].patches[0]",
        "settings",
        "settings",
      ],
    );
    const [typed] = patchesOf(node) as [{ machine: Record<string, unknown> }];
    assert.deepEqual(typed.machine, {
      certSANs: ["group.example.com", "node.example.com"],
      network: { hostname: "a", nameservers: ["192.0.2.53"] },
      nodeLabels: { of: "node" },
    });
  });

  it("give a node's patches and certSANs alone where it overrides its group's", () => {
    const node = {
      hostname: "a",
      ipAddress: "192.0.2.1",
      controlPlane: true,
      installDisk: "/dev/sda",
      overridePatches: true,
      overrideMachineCertSANs: true,
    };
    const controlPlane = { patches: [{ machine: { env: { a: "b" } } }], certSANs: ["group.example.com"] };
    const plan = first(planOf(articleCluster("v1.7", { patches: [], controlPlane, nodes: [node] })));
    assert.equal(plan.patches.length, 1);
    assert.ok(!plan.patches[0]?.content.includes("certSANs"));
  });

  it("do not set the host name with ignoreHostname", () => {
    const node = {
      hostname: "a",
      ipAddress: "192.0.2.1",
      controlPlane: true,
      installDisk: "/dev/sda",
      ignoreHostname: true,
    };
    for (const release of Object.keys(releases) as Release[]) {
      const plan = first(planOf(articleCluster(release, { nodes: [node] })));
      assert.ok(plan.patches.every(({ content }) => !content.includes("hostname")));
    }
  });

  it("put JSON patches before documents, since talosctl takes them for one document only", () => {
    const patches = [
      { apiVersion: "v1alpha1", kind: "KmsgLogConfig", name: "a" },
      [{ op: "add", path: "/machine/env", value: { a: "b" } }],
    ];
    const node = first(planOf(articleCluster("v1.7", { patches })));
    assert.deepEqual(
      node.patches.map(({ content }) => content[0]),
      ["m", "[", "a"],
    );
  });

  it("contain '@file' patches, also of several documents", () => {
    const text =
      "machine:\n  files:\n    - {path: /etc/a, op: create, permissions: 0644, content: 'yes'}\n---\nkind: KmsgLogConfig\napiVersion: v1alpha1\nname: a\n";
    const node = first(planOf(articleCluster("v1.7", { patches: ["@patches/a.yaml"] }), { "patches/a.yaml": text }));
    const [, files, log] = patchesOf(node);
    assert.deepEqual(files, {
      machine: { files: [{ path: "/etc/a", op: "create", permissions: 0o644, content: "yes" }] },
    });
    assert.deepEqual(log, { kind: "KmsgLogConfig", apiVersion: "v1alpha1", name: "a" });
  });

  it("never hold a patch that talosctl would take for a file name", () => {
    for (const release of Object.keys(releases) as Release[]) {
      for (const { patches } of planOf(articleCluster(release))) {
        assert.ok(patches.every(({ content }) => content.endsWith("\n")));
      }
    }
  });

  it("contain RFC 6902 unchanged where talosctl accepts it", () => {
    assert.deepEqual(problemsOf("v1.7", { patches: [[{ op: "remove", path: "/machine/env" }]] }), []);
  });
});

describe("patches of Talos nodes", () => {
  it("have a warning for a file that containerd never reads", () => {
    const file = { path: "/var/cri/conf.d/metrics.toml", op: "create", content: "" };
    const patches = [{ machine: { files: [file] } }, [{ op: "add", path: "/machine/files", value: [file] }]];
    const warning =
      "/var/cri/conf.d/metrics.toml has no effect: since Talos 1.3 containerd reads /etc/cri/conf.d only; write the same content to /etc/cri/conf.d/20-customization.part";
    assert.deepEqual(patchWarnings(readPatches(articleCluster("v1.7", { patches }), noFiles)), [
      `talos-mesh:cluster.patches[0]: ${warning}`,
      `talos-mesh:cluster.patches[1]: ${warning}`,
    ]);
  });

  const patches = ["@nowhere.yaml", "a: [", "# nothing", "text", [{ op: "remove", path: "/machine/env" }]];
  const problems = [
    'talos-mesh:cluster.patches[0]: found "@nowhere.yaml"; no such file (relative to Pulumi.yaml)',
    "talos-mesh:cluster.patches[1]: 1:5: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]; check the indentation here",
    "talos-mesh:cluster.patches[2]: is empty, which talosctl refuses",
    "talos-mesh:cluster.patches[3]: expected a mapping (strategic merge) or a list of operations (RFC 6902)",
    "talos-mesh:cluster.patches[4]: contract v1.12 has no RFC 6902 patches, and remove /machine/env: cannot be converted; write `machine: { env: { $patch: delete } }`",
  ];

  it("are reported with everything that is wrong with them, each once", () => {
    assert.deepEqual(problemsOf("v1.12", { contract: "v1.12", patches }), problems);
  });

  it("may suit an older contract, where the contract is not set", () => {
    const last = problemsOf("v1.12", { patches }).at(-1);
    const hint = "; or set talos-mesh:cluster.contract, if the cluster was created with an older one";
    assert.equal(last, `${problems.at(-1)}${hint}`);
  });

  it("are reported for nodes too, and for the same node twice", () => {
    const node = { hostname: "a", ipAddress: "192.0.2.1", controlPlane: true, installDisk: "/dev/sda" };
    assert.deepEqual(problemsOf("v1.7", { patches: [], nodes: [{ ...node, patches: ["@a.yaml", "@b.yaml"] }] }), [
      'talos-mesh:cluster.nodes[0].patches[0]: found "@a.yaml"; no such file (relative to Pulumi.yaml)',
      'talos-mesh:cluster.nodes[0].patches[1]: found "@b.yaml"; no such file (relative to Pulumi.yaml)',
    ]);
  });
});
