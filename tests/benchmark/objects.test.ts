import assert from "node:assert/strict";
import type { z } from "zod";
import type { Scenario } from "../../components/benchmark/metrics/record";
import { namespaceOf, scenarioObjects } from "../../components/benchmark/objects";
import { benchmarkPlan } from "../../components/benchmark/plan/plan";
import { resolveBenchmark } from "../../components/benchmark/plan/settings";
import { benchmark } from "../../components/settings/sections/benchmark";

const planOf = (settings: z.input<typeof benchmark>) => benchmarkPlan(resolveBenchmark(benchmark.parse(settings)));
const places = { clientNode: "worker-1", serverNode: "worker-2" };

interface PodTemplate {
  readonly template: {
    readonly spec: {
      readonly affinity: object;
      readonly containers: readonly { readonly name: string; readonly image: string; readonly resources: object }[];
      readonly volumes: readonly { readonly emptyDir: { readonly sizeLimit: string } }[];
    };
  };
}

const onNode = (name: string) => {
  const nodeSelectorTerms = [{ matchFields: [{ key: "metadata.name", operator: "In", values: [name] }] }];
  return { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } };
};

describe("the objects of a scenario", () => {
  const objects = (scenario: Scenario, settings: z.input<typeof benchmark> = {}, revision?: string) =>
    scenarioObjects(scenario, planOf(settings), { ...places, revision });
  const labels = (scenario: Scenario, revision?: string) => objects(scenario, {}, revision)[0]?.metadata.labels ?? {};
  const template = (found: ReturnType<typeof objects>, name: string) =>
    (found.find(({ kind, metadata }) => kind === "Deployment" && metadata.name === name)?.spec as PodTemplate).template
      .spec;

  it("differ between scenarios in the labels of the namespace only", () => {
    assert.equal(labels("none")["istio-injection"], "disabled");
    assert.equal(labels("sidecar")["istio-injection"], "enabled");
    assert.equal(labels("sidecar", "1-31")["istio.io/rev"], "1-31");
    assert.equal(labels("ambient")["istio.io/dataplane-mode"], "ambient");
    assert.equal(labels("waypoint")["istio.io/use-waypoint"], "waypoint");
    const others = (scenario: Scenario) =>
      JSON.stringify(
        objects(scenario)
          .slice(1)
          .filter(({ metadata }) => metadata.name !== "waypoint"),
      ).replaceAll(namespaceOf(scenario), "NS");
    for (const scenario of ["sidecar", "ambient", "waypoint", "control"] as const)
      assert.equal(others(scenario), others("none"));
  });

  it("pin client and server to different workers", () => {
    const found = objects("none");
    assert.deepEqual(template(found, "client").affinity, onNode("worker-1"));
    assert.deepEqual(template(found, "server").affinity, onNode("worker-2"));
    assert.equal(
      found.some(({ metadata }) => metadata.name === "client-near"),
      false,
    );
    assert.deepEqual(template(objects("none", { sameNode: true }), "client-near").affinity, onNode("worker-2"));
  });

  it("pin the waypoint to the server's node", () => {
    const found = objects("waypoint").filter(({ metadata }) => metadata.name === "waypoint");
    const [parameters, gateway] = found;
    assert.deepEqual(
      [parameters?.kind, gateway?.kind],
      ["ConfigMap", "Gateway"],
      "istiod reads the first for the second",
    );
    assert.deepEqual((gateway?.spec as { infrastructure?: object }).infrastructure, {
      parametersRef: { group: "", kind: "ConfigMap", name: "waypoint" },
    });
    const { deployment = "" } = parameters?.data as Record<string, string>;
    assert.deepEqual(JSON.parse(deployment), {
      spec: { replicas: 1, template: { spec: { affinity: onNode("worker-2") } } },
    });
  });

  it("have a waypoint only where one is measured", () => {
    const gateways = (scenario: Scenario) => objects(scenario).filter(({ kind }) => kind === "Gateway").length;
    assert.deepEqual([gateways("ambient"), gateways("waypoint")], [0, 1]);
  });

  it("serve details for the article's preset, and take the images of the settings", () => {
    const found = objects("none", { preset: "article", images: { iperf3: "example.com/iperf3:1" } });
    const images = template(found, "server").containers.map(({ image }) => image);
    assert.deepEqual(images, [
      "docker.io/fortio/fortio:1.66.0",
      "example.com/iperf3:1",
      "docker.io/istio/examples-bookinfo-details-v1:1.20.3",
    ]);
  });

  it("request the same resources in every container, so that no scenario's pods are BestEffort", () => {
    const found = objects("none", { preset: "article", sameNode: true });
    const asked = ["client", "server", "client-near"].flatMap((name) =>
      template(found, name).containers.map(({ resources }) => resources),
    );
    assert.equal(asked.length, 7);
    for (const resources of asked) assert.deepEqual(resources, { requests: { cpu: "25m", memory: "32Mi" } });
  });

  it("have every value that scenario.yaml leaves open", () => {
    for (const scenario of ["none", "waypoint"] as const) {
      const found = scenarioObjects(scenario, planOf({ preset: "article", sameNode: true }), {
        ...places,
        pull: { secrets: { registry: "e30=" } },
      });
      assert.doesNotMatch(JSON.stringify(found), /\$|undefined|null/);
      assert.equal(found.filter(({ kind }) => kind === "Secret").length, 1);
    }
  });

  it("have room for the access log of the largest arm", () => {
    const size = (qps: number) =>
      template(objects("none", { qps: [qps], duration: "240s" }), "client").volumes[0]?.emptyDir.sizeLimit;
    assert.deepEqual([size(0), size(1000)], ["16Mi", "53Mi"]);
  });
});
