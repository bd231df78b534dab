import assert from "node:assert/strict";
import { waypointLabels, waypointObjects } from "../../components/mesh/waypoints";
import { CrdSchemas } from "../support/crd-schema";
import { runStack, type StackRun } from "../support/program";
import { meshInput } from "./values/inputs";

const waypoints = [{ namespace: "bookinfo" }, { namespace: "bookinfo", service: "reviews", ingress: true }];
const ambient = { dataPlane: "ambient" as const, waypoints };

describe("waypoints", () => {
  it("are Gateways for HBONE that the Gateway API's CRDs accept", () => {
    const schemas = new CrdSchemas();
    const objects = waypointObjects(meshInput(ambient).mesh);
    assert.deepEqual(
      objects.map(({ metadata }) => metadata),
      [
        { name: "waypoint", namespace: "bookinfo", labels: { "istio.io/waypoint-for": "service" } },
        { name: "reviews-waypoint", namespace: "bookinfo", labels: { "istio.io/waypoint-for": "service" } },
      ],
    );
    for (const object of objects) {
      assert.deepEqual(schemas.problems(object), []);
      assert.deepEqual(object.spec, {
        gatewayClassName: "istio-waypoint",
        listeners: [{ name: "mesh", port: 15008, protocol: "HBONE" }],
      });
    }
  });

  it("belong to the control plane of their namespace", () => {
    const { mesh } = meshInput({ ...ambient, revision: "1-31-1", tags: { prod: "1-31-1" } });
    const revisionOf = (settings: typeof mesh) => waypointObjects(settings)[0]?.metadata.labels?.["istio.io/rev"];
    assert.equal(revisionOf(mesh), "1-31-1");
    assert.equal(revisionOf({ ...mesh, namespaces: { bookinfo: { revision: "prod" } } }), "prod");
  });

  it("apply to their service before that of its namespace, and to ingress traffic where set", () => {
    const labels = (namespace: string, service: string) => waypointLabels(meshInput(ambient).mesh, namespace, service);
    assert.deepEqual(labels("bookinfo", "details"), { "istio.io/use-waypoint": "waypoint" });
    assert.deepEqual(labels("bookinfo", "reviews"), {
      "istio.io/use-waypoint": "reviews-waypoint",
      "istio.io/ingress-use-waypoint": "true",
    });
    assert.deepEqual(labels("shop", "reviews"), {});
  });
});

describe("the graph of an ambient mesh", () => {
  let run: StackRun;
  const mesh = { ...ambient, outboundTrafficPolicy: "ALLOW_ANY" };
  const overrides = { mesh, security: null, traffic: { services: null } };
  before(async () => {
    run = await runStack({ stack: "dev", overrides });
  });

  const onRealNodes = () => {
    const cluster = { kind: "existing", name: "real", kubeconfig: { file: "kubeconfig" }, workers: null };
    const charts = { source: "https://charts.example" };
    const traffic = { services: [{ host: "details", http: [{ timeout: "1s" }] }] };
    const allow = [{ to: "details", from: ["productpage"], methods: ["GET"] }];
    const security = { authorization: { default: null, allow } };
    return runStack({ stack: "dev", overrides: { mesh, cluster, charts, traffic, security } });
  };
  const gateway = () => run.one("kubernetes:gateway.networking.k8s.io/v1:Gateway", "istio-waypoint-bookinfo/waypoint");
  const labelsOf = (name: string) =>
    (run.one("kubernetes:core/v1:Service", name).inputs["metadata"] as { labels: Record<string, string> }).labels;

  it("starts ztunnel after istio-cni, which redirects to it, and both after istiod", () => {
    const [istiod, cni, ztunnel] = ["istiod", "cni", "ztunnel"].map((name) => run.one("Release", `istio-${name}`));
    assert.ok(istiod && cni && ztunnel);
    assert.ok(run.dependsOn(ztunnel, cni));
    assert.ok(run.dependsOn(ztunnel, istiod));
  });

  it("creates a waypoint before the Services with its label, and deletes it while istiod runs", () => {
    assert.ok(run.dependsOn(run.one("kubernetes:core/v1:Service", "bookinfo-details"), gateway()));
    assert.ok(run.dependsOn(gateway(), run.one("Release", "istio-istiod")));
    assert.equal(labelsOf("bookinfo-details")["istio.io/use-waypoint"], "waypoint");
  });

  it("sends the Services of versions through the waypoint of their service", () => {
    for (const name of ["bookinfo-reviews", "bookinfo-reviews-v2"]) {
      assert.equal(labelsOf(name)["istio.io/use-waypoint"], "reviews-waypoint");
    }
  });

  it("waits for no waypoint on simulated nodes, where no istiod runs", () => {
    assert.equal((gateway().inputs["metadata"] as { annotations?: object }).annotations, undefined);
  });

  it("requests no sidecar", () => {
    for (const { inputs, name } of run.byType("Deployment")) {
      const { template } = inputs["spec"] as { template: { metadata: { annotations?: object } } };
      assert.ok(!Object.keys(template.metadata.annotations ?? {}).some((key) => key.startsWith("talos-mesh/")), name);
    }
  });

  it("waits on real nodes until each waypoint is programmed and enforces policies", async () => {
    const real = await onRealNodes();
    for (const { inputs } of real.byType("kubernetes:gateway.networking.k8s.io/v1:Gateway")) {
      const { annotations } = inputs["metadata"] as { annotations: object };
      assert.deepEqual(annotations, { "pulumi.com/waitFor": "condition=Programmed" });
    }
  });

  it("waits on real nodes until all pods of each waypoint run, which is later than programmed", async () => {
    const real = await onRealNodes();
    for (const [name, service] of [
      ["waypoint", "bookinfo-details"],
      ["reviews-waypoint", "bookinfo-reviews"],
    ] as const) {
      const step = real.one("command:local:Command", `istio-waypoint-bookinfo/${name}-ready`);
      const { MESH_STEP } = step.inputs.environment as { MESH_STEP: string };
      const { namespace, release, addressSeconds } = JSON.parse(MESH_STEP) as Record<string, unknown>;
      assert.deepEqual([namespace, release, addressSeconds], ["bookinfo", name, undefined]);
      const gateway = real.one("kubernetes:gateway.networking.k8s.io/v1:Gateway", `istio-waypoint-bookinfo/${name}`);
      assert.ok(real.dependsOn(step, gateway));
      for (const served of [
        real.one("kubernetes:core/v1:Service", service),
        real.one("AuthorizationPolicy", "authorizationpolicy-bookinfo/details.allow"),
        real.one("HTTPRoute", "httproute-bookinfo/details"),
      ]) {
        assert.ok(real.dependsOn(served, step), `${served.name} does not wait for ${name}`);
      }
    }
    assert.deepEqual(
      run.byType("command:local:Command").filter(({ name }) => name.startsWith("istio-waypoint-")),
      [],
    );
  });

  it("has neither ztunnel nor waypoints where every namespace has sidecars", async () => {
    const sidecars = await runStack({ stack: "dev" });
    assert.equal(sidecars.registrations.filter(({ name }) => /ztunnel|waypoint/.test(name)).length, 0);
  });
});
