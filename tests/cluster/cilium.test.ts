import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { environmentImages } from "../../components/images";
import { ciliumChart } from "../../components/cluster/kinds/cilium";
import { settingsPatch, nodeSettings } from "../../components/cluster/talos/config/node-settings";
import { asTree, type Tree } from "../../components/shared/merge";
import { SettingsError, formatPath } from "../../components/shared/problem";
import { validate } from "../../components/validation/validate";
import { chartsVariable, unknownPaths } from "../support/official-charts";
import { runStack, type StackRun } from "../support/program";
import { skip } from "../support/skip";

const node = (hostname: string, ipAddress: string, controlPlane = false) => ({
  ...{ hostname, ipAddress, controlPlane, installDisk: "/dev/sda" },
});
const talos = {
  ...{ kind: "talos", name: "lab", endpoint: "https://192.0.2.1:6443" },
  ...{ talosVersion: "v1.13.9", kubernetesVersion: "v1.36.3" },
  nodes: [node("cp-1", "192.0.2.11", true), node("worker-1", "192.0.2.21")],
};

const peer = { name: "tor", myASN: 64512, peerASN: 64513, peerAddress: "192.0.2.1" };

function sections(cni: object = {}, cluster: object = {}, mesh: object = {}) {
  return {
    environment: "dev",
    cluster: { ...talos, cni: { name: "cilium", ...cni }, ...cluster },
    charts: { source: "https://charts.example.com", addons: "makers" },
    mesh: { version: "1.31.1", ...mesh },
  };
}

function problems(...given: Parameters<typeof sections>): string[] {
  try {
    validate(sections(...given), { secretNames: [] });
    return [];
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return error.problems.map(({ path: at, message }) => `${formatPath(at)}: ${message}`);
  }
}

function values(run: StackRun): Tree {
  return asTree(run.one("Release", "cluster-cni").inputs.values);
}

const oneNode = { nodes: talos.nodes.slice(0, 1), allowSchedulingOnControlPlanes: true };

describe("Cilium on Talos", function () {
  this.timeout(60_000);

  it("is installed when the API server is up, and before the nodes have to be Ready", async () => {
    const run = await runStack({ config: sections() });
    const release = run.one("Release", "cluster-cni");
    const [kubeconfig, health] = ["kubeconfig", "health"].map((step) => run.one("Command", `cluster-${step}`));
    assert.ok(kubeconfig && health && run.dependsOn(release, kubeconfig) && !run.dependsOn(release, health));
    assert.ok(run.dependsOn(health, release));
    const others = run.byType("Release").filter((each) => each !== release);
    assert.ok(others.length > 3);
    for (const each of others) assert.ok(run.dependsOn(each, health), each.name);
    const { chart, version, namespace, repositoryOpts } = release.inputs;
    assert.deepEqual(
      [chart, version, namespace, repositoryOpts],
      ["cilium", "1.20.2", "kube-system", { repo: "https://helm.cilium.io" }],
    );
  });

  it("has the values of Talos and Istio, its operator once for each node", async () => {
    const found = values(await runStack({ config: sections() }));
    assert.deepEqual(
      [found.kubeProxyReplacement, found.k8sServiceHost, found.k8sServicePort, found.cni, found.socketLB, found.bpf],
      [true, "localhost", 7445, { exclusive: false }, { hostNamespaceOnly: true }, { masquerade: false }],
    );
    assert.ok(!JSON.stringify(found).includes("SYS_MODULE"));
    assert.equal(asTree(found.operator).replicas, 2);
    const alone = values(await runStack({ config: sections({}, oneNode) }));
    assert.equal(asTree(alone.operator).replicas, 1);
    assert.deepEqual(asTree(alone.hubble), { enabled: false });
  });

  for (const [kubeProxy, proxy] of [
    [false, { disabled: true }],
    [true, undefined],
  ] as const) {
    it(`leaves Talos without a CNI, and kube-proxy ${kubeProxy ? "as it is" : "off"}`, () => {
      const { settings } = validate(sections({ kubeProxy }), { secretNames: [] });
      assert.ok(settings.cluster.kind === "talos");
      const cluster = asTree(settingsPatch(settings.cluster, nodeSettings(settings.cluster, 0), "installer").cluster);
      assert.deepEqual(asTree(cluster.network).cni, { name: "none" });
      assert.deepEqual(cluster.proxy, proxy);
    });
  }

  it("takes further values, mirrors and pull secrets", async () => {
    const images = { mirrors: { "quay.io": "registry.example.com/quay" }, pullSecrets: [] };
    const config = { ...sections({ values: { bandwidthManager: { enabled: true } } }), images };
    const found = values(await runStack({ config }));
    assert.deepEqual(found.bandwidthManager, { enabled: true });
    assert.deepEqual(found.image, { override: "registry.example.com/quay/cilium/cilium:v1.20.2" });
  });

  it("names its images, those of Hubble where it is on", () => {
    const cilium = (cni: object) =>
      environmentImages(validate(sections(cni), { secretNames: [] }).settings)
        .filter(({ component }) => component === "cilium")
        .map(({ image }) => image);
    assert.deepEqual(cilium({}), ["quay.io/cilium/cilium:v1.20.2", "quay.io/cilium/operator-generic:v1.20.2"]);
    assert.equal(cilium({ hubble: true }).length, 5);
  });

  it("lets the probes of an ambient mesh in, and of no other", async () => {
    const ambient = await runStack({ config: sections({}, {}, { dataPlane: "ambient", profile: "ambient" }) });
    const policy = ambient.one("kubernetes:cilium.io/v2:CiliumClusterwideNetworkPolicy");
    assert.deepEqual(asTree(policy.inputs.spec).ingress, [{ fromCIDR: ["169.254.7.127/32"] }]);
    assert.ok(ambient.dependsOn(ambient.one("Release", "istio-ztunnel"), policy));
    assert.deepEqual((await runStack({ config: sections() })).byType("CiliumClusterwideNetworkPolicy"), []);
  });

  it("enforces NetworkPolicies, which the notes say", async () => {
    const run = await runStack({ config: sections() });
    assert.ok((run.outputs.notes as string[]).some((note) => note.startsWith("Cilium enforces NetworkPolicies")));
  });

  for (const [what, given, message] of [
    [
      "removes Istio's CNI plugin",
      [{ values: { cni: { exclusive: true } } }],
      "cni.values.cni.exclusive: found true; expected false: Cilium would remove the CNI plugin of Istio from the nodes, and pods would start without the mesh",
    ],
    [
      "hides Services from proxies",
      [{ values: { socketLB: { hostNamespaceOnly: false } } }],
      "cni.values.socketLB.hostNamespaceOnly: found false; expected true: Cilium would choose a pod of a Service in the client's socket, and proxies would not see which Service was called",
    ],
    [
      "drops probes",
      [{ values: { bpf: { masquerade: true } } }],
      "cni.values.bpf.masquerade: found true; expected false: probes of pods in an ambient mesh fail with it (istio.io, platform prerequisites), and so does Talos' DNS of the host (forwardKubeDNSToHost)",
    ],
    [
      "needs a Service to reach the API server",
      [{ values: { k8sServiceHost: "10.96.0.1" } }],
      'cni.values.k8sServiceHost: found "10.96.0.1"; expected "localhost": Cilium reaches the API server through KubePrism of Talos before any Service works',
    ],
    [
      "has a ztunnel of its own",
      [{ values: { encryption: { enabled: true, type: "ztunnel" } } }],
      "cni.values.encryption.type: found ztunnel: Cilium would redirect pods to a ztunnel of its own, next to the mesh; expected ipsec or wireguard, or no encryption, as Istio encrypts",
    ],
    [
      "has KubeSpan",
      [{}, { kubespan: true }],
      "kubespan: found true with cni.name cilium; the nodes lose their network before Cilium runs",
    ],
    [
      "has another CNI by a patch",
      [{}, { patches: [{ cluster: { network: { cni: { name: "flannel" } } } }] }],
      "cni.name: found cilium, and a patch sets another CNI; remove one of the two",
    ],
    ["is not Cilium", [{ name: "none", hubble: true }], "cni.hubble: goes with cni.name cilium only; found none"],
  ] as const) {
    it(`is refused where it ${what}`, () => {
      assert.deepEqual(problems(...given), [`talos-mesh:cluster.${message}`]);
    });
  }

  it("is refused with a Kubernetes that it is not tested with", () => {
    const old = { kubernetesVersion: "v1.32.4" };
    assert.match(
      problems({}, old).join("\n"),
      /Kubernetes v1\.32\.4 does not go with Cilium 1\.20\.2, which supports 1\.33 to 1\.36/,
    );
  });

  it("may be written as none in a patch, as for other tools", () => {
    assert.deepEqual(problems({}, { patches: [{ cluster: { network: { cni: { name: "none" } } } }] }), []);
  });

  it("has only values that the chart has", async function () {
    const file = path.join(
      process.env[chartsVariable] ?? "",
      `${ciliumChart.name}-${ciliumChart.version}`,
      "values.yaml",
    );
    if (process.env[chartsVariable] === undefined || !existsSync(file))
      return skip(this, `${chartsVariable} has no chart of Cilium`);
    const text = readFileSync(file, "utf8");
    for (const more of [{}, { bgp: { peers: [peer] } }]) {
      const loadBalancer = { kind: "cilium", addressPools: [{ name: "all", addresses: ["192.0.2.64/27"] }], ...more };
      const run = await runStack({ config: { ...sections({ hubble: true }), platform: { loadBalancer } } });
      assert.deepEqual(unknownPaths(values(run), text, parse(text)), []);
    }
  });
});

describe("the CNI of an existing cluster", () => {
  const existing = (cni?: string) =>
    runStack({
      config: {
        environment: "dev",
        cluster: { kind: "existing", name: "lab", kubeconfig: { file: "./kubeconfig" }, ...(cni && { cni }) },
        charts: { source: "https://charts.example.com" },
        mesh: { version: "1.31.1", dataPlane: "ambient", profile: "ambient" },
      },
    });

  it("that is Cilium is noted with the values that Istio needs, and gets the policy for probes", async () => {
    const run = await existing("cilium");
    const notes = (run.outputs.notes as string[]).join("\n");
    assert.match(notes, /cni\.exclusive: false, socketLB\.hostNamespaceOnly: true, bpf\.masquerade: false/);
    assert.equal(run.byType("CiliumClusterwideNetworkPolicy").length, 1);
  });

  it("that is not known is left alone", async () => {
    const run = await existing();
    assert.ok(!(run.outputs.notes as string[]).some((note) => note.includes("Cilium")));
    assert.deepEqual(run.byType("CiliumClusterwideNetworkPolicy"), []);
  });
});
