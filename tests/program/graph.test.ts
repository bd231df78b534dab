import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { isSecret, type Registration } from "../../embedded/program/run-program";
import { projectRoot, runStack, type StackRun } from "../support/program";

const commandType = "command:local:Command";
const providerType = "pulumi:providers:kubernetes";

/** Custom resources that live in the cluster. */
function inCluster(run: StackRun): readonly Registration[] {
  return run.registrations.filter(({ type, custom }) => custom && type.startsWith("kubernetes:"));
}

describe("the graph of dev", () => {
  let run: StackRun;
  before(async () => {
    run = await runStack({ stack: "dev" });
  });

  it("places everything in the cluster through the cluster's own provider", () => {
    const provider = run.one(providerType);
    for (const resource of inCluster(run)) {
      assert.equal(resource.provider?.slice(0, resource.provider.lastIndexOf("::")), provider.urn, resource.name);
    }
  });

  it("lets everything in the cluster go with the cluster", () => {
    const cluster = run.one(commandType, "cluster-control-plane");
    for (const resource of inCluster(run)) assert.equal(resource.deletedWith, cluster.urn, resource.name);
  });

  it("gives every resource a component as its parent, and every component a token of its layer", () => {
    for (const { name, type, parent, custom } of run.registrations) {
      if (custom) assert.match(parent ?? "", /::[^:]*talos-mesh:/, `${name} has no component as its parent`);
      else assert.match(type, /^talos-mesh:(cluster|platform|mesh|observability|apps|policies):[A-Z]\w+$/);
    }
  });

  it("names no two resources of a type alike", () => {
    const names = run.registrations.map(({ type, name }) => `${type} ${name}`);
    assert.deepEqual(
      names.filter((name, index) => names.indexOf(name) !== index),
      [],
    );
  });

  it("goes one way: cluster, platform, mesh, applications, policies", () => {
    const order = ["EmbeddedCluster", "Platform", "Istio", "Bookinfo", "MeshPolicies"].map((type) => run.one(type));
    for (const [index, layer] of order.entries()) {
      for (const later of order.slice(index + 1)) {
        assert.ok(run.dependsOn(later, layer), `${later.name} does not wait for ${layer.name}`);
        assert.ok(!run.dependsOn(layer, later), `${layer.name} waits for ${later.name}`);
      }
    }
  });

  it("installs the CRDs, then istiod and istio-cni, and the gateway when both are there", () => {
    const release = (name: string) => run.one("Release", name);
    const [istiod, cni] = [release("istio-istiod"), release("istio-cni")];
    for (const part of [istiod, cni]) {
      assert.ok(run.dependsOn(part, release("istio-base")), part.name);
      assert.ok(run.dependsOn(release("istio-gateway-ingress"), part), part.name);
    }
    assert.ok(!run.dependsOn(istiod, cni) && !run.dependsOn(cni, istiod), "one waits for the other");
  });

  it("places a route only when the subsets it names are there", () => {
    const subsets = run.one("DestinationRule");
    for (const route of run.byType("VirtualService")) assert.ok(run.dependsOn(route, subsets), route.name);
  });

  it("starts no pod of the application before the injector and its service account are there", () => {
    const istiod = run.one("Release", "istio-istiod");
    for (const deployment of run.byType("Deployment")) {
      assert.ok(run.dependsOn(deployment, istiod), deployment.name);
      const spec = deployment.inputs.spec as { template: { spec: { serviceAccountName: string } } };
      const account = run
        .byType("ServiceAccount")
        .find(({ inputs }) => (inputs.metadata as { name: string }).name === spec.template.spec.serviceAccountName);
      assert.ok(account && run.dependsOn(deployment, account), deployment.name);
    }
  });

  it("waits only for what is needed: applications and policies for no gateway, the mesh for no addon of Kubernetes", async () => {
    const up = await runStack({ stack: "article" });
    const gateways = up.byType("Release").filter(({ name }) => name.startsWith("istio-gateway-"));
    const addons = up.byType("Deployment").filter(({ name }) => name.startsWith("platform-"));
    assert.ok(gateways.length > 0 && addons.length > 0);
    const later = ["Deployment", "AuthorizationPolicy", "VirtualService"].flatMap((type) => up.byType(type));
    for (const each of later.filter(({ name }) => !name.startsWith("platform-"))) {
      for (const gateway of gateways) assert.ok(!up.dependsOn(each, gateway), `${each.name} waits for ${gateway.name}`);
    }
    for (const each of up.byType("Release").filter(({ name }) => !name.startsWith("platform-"))) {
      for (const addon of addons) assert.ok(!up.dependsOn(each, addon), `${each.name} waits for ${addon.name}`);
    }
  });

  it("measures once everything is there", async () => {
    const up = await runStack({ stack: "article" });
    const everything = ["Release", "Deployment", "VirtualService"].flatMap((type) => up.byType(type));
    for (const each of everything) assert.ok(up.dependsOn(up.one("Benchmark"), each), each.name);
  });

  it("places no policy before Istio's CRDs and the namespaces are there", () => {
    const policies = run.childrenOf(run.one("MeshPolicies"));
    assert.ok(policies.length > 0);
    for (const policy of policies) {
      assert.ok(run.dependsOn(policy, run.one("Release", "istio-base")), policy.name);
      for (const namespace of run.byType("Namespace")) assert.ok(run.dependsOn(policy, namespace), policy.name);
    }
  });

  it("makes every namespace once, and none that Kubernetes owns", () => {
    const names = run.byType("Namespace").map(({ inputs }) => (inputs.metadata as { name: string }).name);
    assert.deepEqual([...names].sort(), ["bookinfo", "istio-ingress", "istio-system", "observability"]);
  });

  it("keeps the kubeconfig secret on its whole way", () => {
    const command = run.one(commandType, "cluster-control-plane");
    assert.deepEqual([...command.additionalSecretOutputs].sort(), ["stderr", "stdout"]);
    assert.ok(isSecret(run.one(providerType).inputs.kubeconfig), "the provider's kubeconfig is not secret");
    assert.ok(isSecret(run.outputs.kubeconfig), "the output is not secret");
    assert.ok(!JSON.stringify(command.inputs).includes("stdout of"), "the kubeconfig went back into a command");
  });

  it("runs its command again on any changed input and never replaces it", () => {
    const { inputs } = run.one(commandType, "cluster-control-plane");
    assert.equal(inputs.triggers, undefined);
    assert.equal(inputs.create, inputs.update);
    assert.equal(inputs.addPreviousOutputInEnv, false);
    assert.equal(inputs.logging, "stderr");
  });

  it("tells what was not measured and what carries no traffic", () => {
    const notes = run.outputs.notes as string[];
    assert.ok(notes.some((note) => note.startsWith("Not measured:")));
    assert.ok(notes.some((note) => note.includes("simulated")));
  });
});

describe("what a changed setting touches", () => {
  /** Names of resources whose inputs differ, or that only one of the two runs has. */
  async function touched(overrides: Record<string, unknown>): Promise<string[]> {
    const [before, after] = [await runStack(), await runStack({ overrides })];
    const inputs = (run: StackRun) =>
      new Map(run.registrations.filter(({ custom }) => custom).map((each) => [each.name, JSON.stringify(each.inputs)]));
    const [old, now] = [inputs(before), inputs(after)];
    return [...new Set([...old.keys(), ...now.keys()])].filter((name) => old.get(name) !== now.get(name)).sort();
  }

  it("is one VirtualService for other weights", async () => {
    const { config } = parse(readFileSync(path.join(projectRoot, "Pulumi.dev.yaml"), "utf8")) as {
      config: { "talos-mesh:traffic": { services: { host: string; http: unknown[] }[] } };
    };
    const services = config["talos-mesh:traffic"].services.map((service) =>
      service.host === "reviews" ? { ...service, http: [{ route: { v1: 100 } }] } : service,
    );
    assert.deepEqual(await touched({ traffic: { services } }), ["virtualservice-bookinfo/reviews"]);
  });

  it("is the control plane, its agents, and every pod with a proxy for another Istio", async () => {
    const changed = await touched({ images: { hub: "registry.example.com/istio" } });
    const deployments = (await runStack()).byType("Deployment").map(({ name }) => name);
    assert.deepEqual(
      changed,
      [...deployments, "istio-cni", "istio-gateway-ingress", "istio-istiod", "istio-ready"].sort(),
    );
  });

  it("is one object for the mTLS mode, and the alert that goes by it", async () => {
    const changed = await touched({ mesh: { mtls: "PERMISSIVE" } });
    assert.deepEqual(changed, ["observability-prometheus", "peerauthentication-istio-system/default"]);
  });

  it("is istiod, which is waited for, and no workload for the outbound policy, which running proxies are sent", async () => {
    const changed = await touched({ mesh: { outboundTrafficPolicy: "ALLOW_ANY" } });
    assert.deepEqual(changed, ["istio-istiod", "istio-ready"]);
  });

  it("is the cluster's command alone for a third worker", async () => {
    assert.deepEqual(await touched({ cluster: { workers: 3 } }), ["cluster-control-plane"]);
  });
});

describe("an existing cluster", () => {
  const cluster = { kind: "existing", name: "shared", kubeconfig: { file: "./kubeconfig", context: "admin" } };

  it("is not deleted with anything, and nothing is made of it", async () => {
    const run = await runStack({ overrides: { cluster: null, charts: null }, config: undefined }).catch(
      () => undefined,
    );
    assert.equal(run, undefined, "a stack without a cluster must be refused");
    const existing = await runStack({
      overrides: {
        "talos-mesh:cluster": { ...cluster, workers: null, apiServerPort: null },
        "talos-mesh:charts": { source: "https://charts.example.com" },
      },
    });
    const ofTheCluster = existing.byType(commandType).filter(({ name }) => name.startsWith("cluster"));
    assert.deepEqual(ofTheCluster, []);
    for (const resource of inCluster(existing)) assert.equal(resource.deletedWith, undefined, resource.name);
    assert.equal(existing.one(providerType).inputs.context, "admin");
    assert.ok(isSecret(existing.one(providerType).inputs.kubeconfig));
  });

  it("takes its kubeconfig from the stack's secrets without showing it", async () => {
    const run = await runStack({
      overrides: {
        "talos-mesh:cluster": {
          kind: "existing",
          name: "shared",
          workers: null,
          kubeconfig: { secret: "kubeconfig" },
        },
        "talos-mesh:charts": { source: "oci://registry.example.com/charts" },
        "talos-mesh:secrets": { kubeconfig: "apiVersion: v1\nkind: Config\nclusters: [{ name: shared }]" },
      },
    });
    assert.ok(isSecret(run.one(providerType).inputs.kubeconfig));
    assert.equal(run.one("Release", "istio-istiod").inputs.chart, "oci://registry.example.com/charts/istiod");
    assert.equal(run.one("Release", "istio-istiod").inputs.repositoryOpts, undefined);
  });
});
