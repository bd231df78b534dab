import assert from "node:assert/strict";
import { runStack, type StackRun } from "../support/program";

const main = "tests/fixtures/programs/new-application.ts";

/** The program of tests/fixtures/programs/new-application.ts has one more application: a descriptor, and its line in the registry. */
describe("an application that is added to the registry", () => {
  let run: StackRun;
  before(async () => {
    run = await runStack({
      main,
      overrides: {
        petstore: { namespace: "pets", replicas: 2 },
        images: { digests: { "petstore-pets-v1": `sha256:${"a".repeat(64)}` } },
        traffic: {
          services: [{ namespace: "pets", host: "web", subsets: ["v1", "v2"], http: [{ route: { v1: 90, v2: 10 } }] }],
        },
        security: { authorization: { allow: [{ namespace: "pets", to: "pets", from: ["pets/web"] }] } },
      },
    });
  });

  it("has its section in the schema of stack files", () => {
    const { properties } = run.outputs.schema as { properties: { config: { properties: Record<string, object> } } };
    const { properties: fields } = properties.config.properties["talos-mesh:petstore"] as { properties: object };
    assert.deepEqual(Object.keys(fields).sort(), ["image", "injection", "namespace", "replicas", "resources"]);
  });

  it("has its images in the list of images", () => {
    const images = run.outputs.images as { component: string; image: string }[];
    assert.deepEqual(
      images.filter(({ component }) => component === "petstore").map(({ image }) => image),
      ["web-v1", "web-v2", "pets-v1"].map((name) => `docker.io/istio/petstore-${name}:1.2.3`),
    );
  });

  it("is deployed as a component of its own, with sidecars, after the mesh", () => {
    const component = run.one("talos-mesh:apps:Petstore");
    const deployments = run.byType("Deployment").filter(({ name }) => name.startsWith("petstore-"));
    assert.deepEqual(
      deployments.map(({ name }) => name),
      ["petstore-web-v1", "petstore-web-v2", "petstore-pets-v1"],
    );
    for (const { inputs, parent } of deployments) {
      assert.equal(parent, component.urn);
      assert.equal((inputs.spec as { replicas: number }).replicas, 2);
    }
    const namespace = run.one("Namespace", "platform-pets");
    assert.equal(
      (namespace.inputs.metadata as { labels: Record<string, string> }).labels["istio-injection"],
      "enabled",
    );
    assert.ok(run.dependsOn(component, run.one("Istio")));
  });

  it("has its workloads in routes and rules, next to those of Bookinfo", () => {
    const route = JSON.stringify(run.one("VirtualService", "virtualservice-pets/web").inputs);
    assert.match(route, /"weight":90/);
    const rule = JSON.stringify(run.one("AuthorizationPolicy", "authorizationpolicy-pets/pets.allow").inputs);
    assert.match(rule, /cluster\.local\/ns\/pets\/sa\/petstore-web/);
  });

  it("is checked: its namespace must not be that of another", async () => {
    const overrides = { petstore: { namespace: "istio-system" } };
    await assert.rejects(runStack({ main, overrides }), /talos-mesh:petstore\.namespace: found istio-system/);
  });
});
