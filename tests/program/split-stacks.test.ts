import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { parse, stringify } from "yaml";
import { environmentImages } from "../../components/images";
import type { SharedCluster } from "../../components/cluster/kinds/shared-cluster";
import { deployedStack } from "../../components/validation/other-stack";
import { readStack } from "../../components/validation/stack";
import { isSecret } from "../../embedded/program/run-program";
import { projectRoot, runStack, type StackRun } from "../support/program";

type Config = Record<string, unknown>;

function configOf(stack: string): Config {
  const file = path.join(projectRoot, `Pulumi.${stack}.yaml`);
  return (parse(readFileSync(file, "utf8")) as { config: Config }).config;
}

/** The stack that has the cluster, next to the one that is run. */
async function runMesh(
  changes: Config = {},
  platform: Config | undefined = configOf("platform-staging"),
): Promise<StackRun> {
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-split-"));
  try {
    return await runStack({ stack: "mesh-staging", ...files(folder, changes, platform) });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function files(folder: string, changes: Config, platform: Config | undefined) {
  if (platform) writeFileSync(path.join(folder, "Pulumi.platform-staging.yaml"), stringify({ config: platform }));
  const configFile = path.join(folder, "Pulumi.mesh-staging.yaml");
  writeFileSync(configFile, stringify({ config: { ...configOf("mesh-staging"), ...changes } }));
  return { configFile };
}

async function refusal(changes: Config, platform?: Config): Promise<string> {
  return runMesh(changes, platform).then(
    () => assert.fail("the stack was accepted"),
    (error: unknown) => (error as Error).message,
  );
}

describe("a stack of a cluster and its platform", () => {
  it("has nothing of the mesh, and hands its cluster on", async () => {
    const run = await runStack({ stack: "platform-staging" });
    const inMesh = run.registrations.filter(({ type }) => /^talos-mesh:(mesh|apps|policies|observability)/.test(type));
    assert.deepEqual(inMesh, []);
    assert.deepEqual(run.byType("Namespace"), []);
    assert.equal(run.one("Release").inputs.namespace, "kube-system");
    const shared = run.outputs.sharedCluster as Record<string, unknown>;
    assert.deepEqual(shared.layers, ["cluster", "platform"]);
    assert.deepEqual([shared.talosVersion, shared.nodeAddress], ["v1.13.9", "198.51.100.21"]);
    assert.ok(isSecret(run.outputs.kubeconfig));
  });

  it("pulls no image of Istio", () => {
    const { settings } = readStack(
      projectRoot,
      path.join(projectRoot, "tests/fixtures/good/platform-charts-folder.yaml"),
    );
    const components = environmentImages(settings).map(({ component }) => component);
    assert.deepEqual([...new Set(components)], ["local-path-provisioner"]);
  });

  it("checks before every other deletion whether a stack is on it", async () => {
    const run = await runStack({ stack: "platform-staging" });
    const check = run.one("command:local:Command", "stacks-check");
    for (const each of run.registrations.filter(({ custom, name }) => custom && name !== check.name)) {
      assert.ok(run.dependsOn(check, each), `${each.name} may be deleted before the check`);
    }
    assert.ok(isSecret(check.inputs.stdin));
  });
});

describe("a stack of a mesh on the cluster of another stack", () => {
  it("is the same mesh as with the cluster in one stack", async () => {
    const [split, whole] = [await runMesh(), await runStack({ stack: "staging" })];
    const releases = (run: StackRun) =>
      run
        .byType("Release")
        .filter(({ name }) => name.startsWith("istio-"))
        .map(({ name, inputs }) => [name, inputs.values, inputs.namespace]);
    assert.ok(releases(split).length >= 4);
    assert.deepEqual(releases(split), releases(whole));
  });

  it("creates no node, no CRD of the platform, and its marker before everything else", async () => {
    const run = await runMesh();
    assert.deepEqual(
      run.byType("command:local:Command").filter(({ name }) => name.startsWith("cluster-")),
      [],
    );
    assert.ok(!run.byType("Release").some(({ inputs }) => inputs.name === "gateway-api"));
    const marker = run.one("ConfigMap", "stack-marker");
    assert.deepEqual(marker.inputs.data, {
      stack: "organization/talos-mesh/mesh-staging",
      cluster: "organization/talos-mesh/platform-staging",
    });
    const others = run.registrations.filter(({ custom, type, name }) => {
      return custom && type.startsWith("kubernetes:") && name !== marker.name;
    });
    for (const each of others) assert.ok(run.dependsOn(each, marker), `${each.name} may outlive the marker`);
  });

  describe("with cert-manager in the other stack", () => {
    const admitsChallenges = (run: StackRun) => {
      const { annotations = {} } = run.one("Certificate").inputs.metadata as { annotations?: Record<string, string> };
      const { listeners } = run.one("Gateway", "istio-gateway-ingress").inputs.spec as {
        listeners: readonly { protocol: string; allowedRoutes: object }[];
      };
      const [plain] = listeners.filter(({ protocol }) => protocol === "HTTP");
      return { annotations, admits: JSON.stringify(plain?.allowedRoutes).includes('"istio-ingress"') };
    };
    const withIssuers = (): Config => {
      const { "talos-mesh:platform": platform, ...rest } = configOf("platform-staging");
      const issuers = { letsencrypt: { acme: { http01: {} } }, lab: { selfSignedCA: { commonName: "Lab" } } };
      return { ...rest, "talos-mesh:platform": { ...(platform as Config), certManager: { issuers } } };
    };
    const gateways = (certManager: Config, kind = "gateway-api") => ({
      "talos-mesh:gateways": { ingress: { kind, tls: { certManager, plainHttp: "redirect" } } },
    });

    it("has certificates that name their gateway for challenges, whose routes the gateway admits", async () => {
      const annotation = "acme.cert-manager.io/http01-parentref";
      const annotations = {
        [`${annotation}kind`]: "Gateway",
        [`${annotation}name`]: "ingress",
        [`${annotation}namespace`]: "istio-ingress",
      };
      const of = async (certManager: Config, platform?: Config) =>
        admitsChallenges(await runMesh(gateways(certManager), platform));
      assert.deepEqual(await of({ clusterIssuer: "letsencrypt" }, withIssuers()), { annotations, admits: true });
      assert.deepEqual(await of({ clusterIssuer: "lab" }, withIssuers()), { annotations: {}, admits: false });
      // Nothing is known of an issuer of others.
      assert.deepEqual(await of({ issuer: "team", http01: true }), { annotations, admits: true });
      assert.deepEqual(await of({ issuer: "team" }), { annotations: {}, admits: false });
    });

    it("is refused with an issuer that the other stack lacks, or whose challenges its gateway does not read", async () => {
      assert.match(
        await refusal(gateways({ clusterIssuer: "letsencrpt" }), withIssuers()),
        /clusterIssuer: found letsencrpt; no such issuer in talos-mesh:platform\.certManager\.issuers of .*platform-staging; did you mean letsencrypt/,
      );
      assert.match(
        await refusal(gateways({ clusterIssuer: "letsencrypt" }, "chart"), withIssuers()),
        /asks an issuer with http01/,
      );
    });

    it("signs for the mesh by an issuer of the other stack, unless that is of ACME", async () => {
      const authority = (clusterIssuer: string) => ({
        "talos-mesh:mesh": { version: "1.31.1", ca: { kind: "cert-manager", clusterIssuer } },
      });
      const run = await runMesh(authority("lab"), withIssuers());
      assert.equal(run.byType("Release").filter(({ name }) => name === "istio-csr").length, 1);
      assert.match(
        await refusal(authority("letsencrypt"), withIssuers()),
        /mesh\.ca\.clusterIssuer: found letsencrypt, an issuer of kind acme/,
      );
      assert.match(
        await refusal(authority("lba"), withIssuers()),
        /mesh\.ca\.clusterIssuer: found lba; no such issuer/,
      );
    });
  });

  it("cannot be rendered without the stack file of the cluster", async () => {
    await assert.rejects(
      runStack({ stack: "mesh-staging" }),
      /put a valid Pulumi\.platform-staging\.yaml next to this stack's/,
    );
  });

  it("has the other stack's versions checked", async () => {
    const platform = configOf("platform-staging");
    const cluster = { ...(platform["talos-mesh:cluster"] as Config), kubernetesVersion: "v1.31.4" };
    const old = { "talos-mesh:mesh": { version: "1.28.3" }, "talos-mesh:cluster": cluster };
    assert.match(await refusal({}, { ...platform, ...old }), /1\.31/);
  });

  it("is refused with a gateway of type LoadBalancer where no stack says what gives it an address", async () => {
    const gateways = { "talos-mesh:gateways": { ingress: { serviceType: "LoadBalancer" } } };
    assert.match(
      await refusal(gateways),
      /serviceType: found LoadBalancer, and Talos has no load balancer; set talos-mesh:platform\.loadBalancer of .*platform-staging/,
    );
    const platform = configOf("platform-staging");
    const withOther = { ...(platform["talos-mesh:platform"] as Config), loadBalancer: { kind: "other" } };
    await runMesh(gateways, { ...platform, "talos-mesh:platform": withOther });
  });

  it("is refused where the other stack's CRDs are too old for its Istio", async () => {
    const platform = { ...configOf("platform-staging"), "talos-mesh:mesh": { version: "1.30.2" } };
    const message = await refusal({}, platform);
    assert.match(
      message,
      /mesh\.version: found 1\.31\.1, which needs the Gateway API 1\.6\.0; .* has installed 1\.5\.1/,
    );
  });

  for (const [what, layers, of, message] of [
    [
      "both stacks have",
      ["platform", "mesh"],
      undefined,
      /layers: found platform, which the stack .* deploys already; expected \[mesh\]/,
    ],
    ["the other stack owns", ["cluster", "mesh"], undefined, /layers: found cluster, which belongs to the stack/],
    [
      "no stack has",
      ["mesh"],
      ["cluster"],
      /layers: found mesh without platform, which the stack .* does not have either/,
    ],
  ] as const) {
    it(`is refused with a layer that ${what}`, async () => {
      const platform: Config = { ...configOf("platform-staging"), ...(of && { "talos-mesh:layers": of }) };
      if (of) delete platform["talos-mesh:platform"];
      assert.match(await refusal({ "talos-mesh:layers": layers }, platform), message);
    });
  }

  it("does not follow stacks that refer to each other", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-split-"));
    try {
      const platform = { ...configOf("mesh-staging"), "talos-mesh:layers": ["platform"] };
      const cluster = { kind: "existing", stackReference: "organization/talos-mesh/mesh-staging" };
      const { configFile } = files(folder, {}, { ...platform, "talos-mesh:cluster": cluster });
      assert.equal(readStack(projectRoot, configFile).settings.cluster.kind, "existing");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("the outputs of the stack of a cluster", () => {
  const shared: SharedCluster = {
    ...{ name: "lab", summary: "lab", simulatedNodes: false, talos: true, talosVersion: "v1.13.9" },
    ...{ loadBalancers: true, networkPolicies: "enforced", layers: ["cluster", "platform"] },
  };

  async function read(outputs: object, preview: boolean) {
    await pulumi.runtime.setMocks(
      {
        newResource: ({ name, inputs }) => ({
          id: name,
          state: { ...(inputs as object), outputs, secretOutputNames: ["kubeconfig"] },
        }),
        call: () => ({}),
      },
      "talos-mesh",
      "mesh",
      preview,
    );
    return deployedStack("organization/talos-mesh/platform", shared);
  }

  it("give the cluster, and the kubeconfig as a secret", async () => {
    const { cluster, kubeconfig } = await read({ sharedCluster: { ...shared, later: 1 }, kubeconfig: "text" }, false);
    assert.deepEqual(cluster, shared);
    assert.equal(await new Promise((resolve) => kubeconfig.apply(resolve)), "text");
    assert.equal(await pulumi.isSecret(kubeconfig), true);
  });

  it("are required by a deployment", async () => {
    await assert.rejects(
      read({}, false),
      /its output sharedCluster .* has no such output: it is not deployed.*Deploy it first/,
    );
    await assert.rejects(read({ sharedCluster: { ...shared, talos: "yes" } }, false), /says talos: /);
  });

  it("may be missing in a preview, which takes the stack file and knows no kubeconfig", async () => {
    const { cluster, kubeconfig } = await read({}, true);
    assert.deepEqual(cluster, shared);
    assert.equal(await (kubeconfig as unknown as { isKnown: Promise<boolean> }).isKnown, false);
  });
});
