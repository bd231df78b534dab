import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { gatewayApiObjects } from "../../../components/mesh/gateway-api";
import { exposedHosts } from "../../../components/model/exposures";
import { connectionEntrances } from "../../../components/model/policies/connection-entrances";
import { egressEntrances } from "../../../components/model/policies/egress-entrances";
import { gatewayWorkloads } from "../../../components/model/gateways";
import { validate } from "../../../components/validation/validate";
import { unwrapSecrets } from "../../../embedded/program/run-program";
import { CrdSchemas } from "../../support/crd-schema";
import { projectRoot, runStack, type StackRun } from "../../support/program";
import { readStackFile } from "../../settings/stack-files";

const golden = path.join(__dirname, "golden-gateway-api");
const update = process.env.UPDATE_GOLDEN === "1";
const stackFile = path.join(projectRoot, "tests/fixtures/good/gateways-gateway-api.yaml");

const { settings, policies } = validate(...parsed(stackFile));

function parsed(file: string): Parameters<typeof validate> {
  const { sections, secretNames } = readStackFile(file);
  return [sections, { secretNames, file: path.basename(file) }];
}

/** The objects of each gateway of kind gateway-api, by the gateway's name. */
function objects(revision?: string) {
  return gatewayWorkloads(settings.gateways).flatMap((workload) => {
    const { [workload.name]: gateway } = settings.gateways;
    if (gateway?.kind !== "gateway-api") return [];
    const hosts = exposedHosts(settings, workload.name);
    const entrances = egressEntrances(policies).filter(({ service }) => service.gateway.name === workload.name);
    const connections = connectionEntrances(policies.services).filter((one) => one.gateway.name === workload.name);
    return [{ workload, ...gatewayApiObjects(workload, gateway, { hosts, entrances, connections, revision }) }];
  });
}

describe("gateways of kind gateway-api", () => {
  const schemas = new CrdSchemas();

  before(() => {
    assert.ok(!(update && process.env.CI), "UPDATE_GOLDEN rewrites what CI is to compare with: unset it in CI");
  });

  for (const { workload, parameters, gateway } of objects()) {
    it(`${workload.name}: is a Gateway that its CRD accepts, and the parameters of the golden file`, () => {
      assert.deepEqual(schemas.problems(gateway), []);
      const text = [{ apiVersion: "v1", kind: "ConfigMap", ...parameters }, gateway]
        .map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }))
        .join("---\n");
      const file = path.join(golden, `${workload.name}.yaml`);
      mkdirSync(golden, { recursive: true });
      if (update) writeFileSync(file, text);
      assert.equal(
        text,
        readFileSync(file, "utf8"),
        "after a wanted change: UPDATE_GOLDEN=1, and review the difference",
      );
      assert.equal(parseAllDocuments(text).length, 2);
    });
  }

  it("have a golden file each, and none is left over", () => {
    assert.deepEqual(
      readdirSync(golden).sort(),
      objects()
        .map(({ workload }) => `${workload.name}.yaml`)
        .sort(),
    );
  });

  it("have the names in policies that istiod gives them, next to those of the chart", () => {
    const known = gatewayWorkloads(settings.gateways).map(({ namespace, service, serviceAccount, selector }) => [
      `${namespace}/${serviceAccount}`,
      service,
      selector,
    ]);
    const label = "gateway.networking.k8s.io/gateway-name";
    assert.deepEqual(known, [
      ["istio-ingress/ingress-istio", "ingress-istio", { [label]: "ingress" }],
      ["edge/partners-istio", "partners-istio", { [label]: "partners" }],
      ["istio-idle/idle-istio", "idle-istio", { [label]: "idle" }],
      ["istio-raw/raw-istio", "raw-istio", { [label]: "raw" }],
      ["istio-databases/databases-istio", "databases-istio", { [label]: "databases" }],
      ["istio-egress/egress-istio", "egress-istio", { [label]: "egress" }],
      ["istio-chart/istio-chart", "istio-chart", { istio: "chart" }],
    ]);
  });

  it("belong to the control plane of their namespace", () => {
    for (const { gateway } of objects("1-31-1")) {
      assert.deepEqual(gateway.metadata.labels, { "istio.io/rev": "1-31-1" });
    }
  });

  it("have a digest in the name of their parameters, so that a change also changes the Gateway", () => {
    const [ingress] = objects();
    const more = { ...settings.gateways["ingress"], replicas: 3 } as typeof settings.gateways.ingress;
    assert.ok(ingress && more);
    const changed = gatewayApiObjects(ingress.workload, more, { hosts: exposedHosts(settings, "ingress") });
    assert.notEqual(changed.parameters.metadata.name, ingress.parameters.metadata.name);
    assert.equal(changed.gateway.spec.infrastructure?.parametersRef?.name, changed.parameters.metadata.name);
  });
});

describe("a stack with gateways of kind gateway-api", function () {
  this.timeout(60_000);
  const gatewayType = "kubernetes:gateway.networking.k8s.io/v1:Gateway";
  let stack: StackRun;
  before(async () => {
    stack = await runStack({
      stack: "gateways",
      configFile: stackFile,
      overrides: { charts: { source: "./embedded/charts" } },
    });
  });

  const gateway = (name: string) => stack.one(gatewayType, `istio-gateway-${name}`);
  const annotations = ({ inputs }: { readonly inputs: object }) =>
    (inputs as { metadata: { annotations?: object } }).metadata.annotations;

  it("has no release for them, and one for the gateway of the chart", () => {
    const releases = stack.byType("kubernetes:helm.sh/v3:Release").map(({ name }) => name);
    assert.deepEqual(
      releases.filter((name) => name.startsWith("istio-gateway-")),
      ["istio-gateway-chart"],
    );
  });

  it("creates each after its namespace, its parameters and istiod", () => {
    for (const [name, namespace] of [
      ["ingress", "istio-ingress"],
      ["partners", "edge"],
    ] as const) {
      for (const earlier of [
        stack.one("Namespace", `platform-${namespace}`),
        stack.one("kubernetes:core/v1:ConfigMap", `istio-gateway-${name}-parameters`),
        stack.one("kubernetes:helm.sh/v3:Release", "istio-istiod"),
      ]) {
        assert.ok(stack.dependsOn(gateway(name), earlier), `${name} after ${earlier.name}`);
      }
    }
  });

  it("waits until each is programmed and its pods run, and for the address of a load balancer within a limit", () => {
    assert.deepEqual(annotations(gateway("ingress")), { "pulumi.com/waitFor": "condition=Programmed" });
    assert.equal(annotations(gateway("partners")), undefined);
    const waitsFor = ["ingress", "partners", "idle"].map((name) => {
      const step = stack.one("command:local:Command", `istio-gateway-${name}-ready`);
      assert.ok(stack.dependsOn(step, gateway(name)));
      const { MESH_STEP } = unwrapSecrets(step.inputs.environment) as { MESH_STEP: string };
      const { namespace, release, addressSeconds } = JSON.parse(MESH_STEP) as Record<string, unknown>;
      return [namespace, release, addressSeconds];
    });
    assert.deepEqual(waitsFor, [
      ["istio-ingress", "ingress-istio", undefined],
      ["edge", "partners-istio", 90],
      ["istio-idle", "idle-istio", undefined],
    ]);
  });

  it("deletes autoscalers and disruption budgets of istiod that are no longer set", () => {
    const unset = ["ingress", "partners"].map((name) => {
      const { environment } = stack.one("command:local:Command", `istio-gateway-${name}-ready`).inputs;
      return (JSON.parse((unwrapSecrets(environment) as { MESH_STEP: string }).MESH_STEP) as { unset?: unknown }).unset;
    });
    assert.deepEqual(unset, [["HorizontalPodAutoscaler"], ["PodDisruptionBudget"]]);
  });

  it("has HTTPRoutes for them, and Istio's Gateway and VirtualService for the gateway of the chart", () => {
    const named = (type: string) =>
      stack
        .byType(type)
        .map(({ name }) => name)
        .sort();
    assert.deepEqual(named("HTTPRoute"), [
      "httproute-bookinfo/productpage.ingress",
      "httproute-bookinfo/productpage.ingress.https",
      "httproute-bookinfo/productpage.partners",
      "httproute-istio-egress/egress-http.api.example.com",
      "httproute-outer/vault.raw.https",
    ]);
    assert.deepEqual(named("kubernetes:networking.istio.io/v1:Gateway"), ["gateway-istio-chart/chart"]);
    assert.deepEqual(named("VirtualService"), [
      "virtualservice-bookinfo/productpage.chart",
      "virtualservice-istio-egress/api.example.com",
    ]);
  });

  it("allows requests of the identity that istiod gives them", () => {
    const policy = stack.one("AuthorizationPolicy", "authorizationpolicy-bookinfo/productpage.allow");
    const text = JSON.stringify(policy.inputs);
    for (const principal of [
      "istio-ingress/sa/ingress-istio",
      "edge/sa/partners-istio",
      "istio-chart/sa/istio-chart",
    ]) {
      assert.ok(text.includes(`"cluster.local/ns/${principal}"`), principal);
    }
  });

  it("outputs their URLs, as those of any gateway", () => {
    assert.deepEqual(
      (stack.outputs.urls as string[]).filter((url) => url.includes("//bookinfo.")),
      ["https://bookinfo.example.com:30443/productpage", "https://bookinfo.example.com:443/productpage"],
    );
  });

  it("waits for none on simulated nodes, where no istiod runs", async () => {
    const cluster = { kind: "embedded", name: "simulated", kubeconfig: null };
    const fields = ["Timeout", "Class", "IP", "SourceRanges"].map((field) => `loadBalancer${field}`);
    const unset: object = Object.fromEntries([...fields, "extraPorts"].map((field): [string, null] => [field, null]));
    const gateways = { partners: { serviceType: "ClusterIP", ...unset } };
    const simulated = await runStack({
      stack: "gateways",
      configFile: stackFile,
      overrides: { cluster, gateways, charts: { source: "./embedded/charts" } },
    });
    for (const made of simulated.byType(gatewayType)) assert.equal(annotations(made), undefined, made.name);
    assert.deepEqual(
      simulated.byType("command:local:Command").filter(({ name }) => name.startsWith("istio-gateway-")),
      [],
    );
  });
});
