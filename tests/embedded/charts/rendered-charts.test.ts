import assert from "node:assert/strict";
import { parse } from "yaml";
import { officialHub, versions } from "../../../components/settings/versions";
import { meshChartNames } from "../../../scripts/vendor/stand-in-charts";
import { skip } from "../../support/skip";
import { assertContains } from "./assert-contains";
import { findHelm, lintProblems, refusal, render, type RenderedObject, type Rendering } from "./helm";

function find(objects: readonly RenderedObject[], kind: string, name: string): RenderedObject {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  assert.ok(found, `no ${kind} ${name} in: ${kindsAndNames(objects).join(", ")}`);
  return found;
}

const kindsAndNames = (objects: readonly RenderedObject[]) =>
  objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort();

const meshConfig = (objects: readonly RenderedObject[], name = "istio") =>
  parse((find(objects, "ConfigMap", name)["data"] as { mesh: string }).mesh) as object;

describe("rendering the stand-in charts", function () {
  this.timeout(60_000);
  let helm = "";
  const objectsOf = (rendering: Rendering) => render(helm, rendering);

  before(function () {
    const found = findHelm();
    if (found === undefined) skip(this, "there is no helm in PATH or in the tool cache");
    helm = found;
  });

  for (const chart of meshChartNames) {
    it(`${chart}: passes helm lint, and every object says that it is a stand-in`, () => {
      assert.equal(lintProblems(helm, chart), undefined);
      for (const { kind, metadata } of objectsOf({ chart })) {
        assert.equal(metadata.labels["talos-mesh/stand-in"], "true", `${kind}/${metadata.name}`);
        assert.equal(metadata.labels["helm.sh/chart"], `${chart}-${versions.istio}`);
      }
    });

    it(`${chart}: refuses a profile, a platform and a compatibility version it does not know`, () => {
      assert.match(
        refusal(helm, { chart, values: { profile: "empty" } }) ?? "",
        /profile "empty": expected one of amb/,
      );
      // The gateway's schema refuses them first, in its own words.
      assert.match(refusal(helm, { chart, values: { platform: "talos" } }) ?? "", /platform/);
      assert.match(refusal(helm, { chart, values: { compatibilityVersion: "1.2" } }) ?? "", /compatibilityVersion/);
      assert.match(refusal(helm, { chart, values: { global: { platform: "talos" } } }) ?? "", /platform "talos"/);
    });
  }

  describe("base", () => {
    it("installs Istio's CRDs and nothing that needs a running istiod", () => {
      const objects = objectsOf({ chart: "base", values: { defaultRevision: "default" } });
      assert.deepEqual([...new Set(objects.map(({ kind }) => kind))], ["CustomResourceDefinition"]);
      assert.equal(objects.length, 15);
      for (const { metadata } of objects) assert.equal(metadata.annotations?.["helm.sh/resource-policy"], "keep");
    });

    it("leaves out excluded CRDs, and all of them where only namespaced objects are wanted", () => {
      const excludedCRDs = ["envoyfilters.networking.istio.io"];
      const names = kindsAndNames(objectsOf({ chart: "base", values: { base: { excludedCRDs } } }));
      assert.equal(names.length, 14);
      assert.ok(!names.includes("CustomResourceDefinition/envoyfilters.networking.istio.io"));
      assert.deepEqual(objectsOf({ chart: "base", values: { global: { resourceScope: "namespace" } } }), []);
    });
  });

  describe("istiod", () => {
    const values = {
      profile: "demo",
      global: { imagePullSecrets: ["registry"], imagePullPolicy: "IfNotPresent", operatorManageWebhooks: true },
      pilot: { cni: { enabled: true } },
      meshConfig: {
        outboundTrafficPolicy: { mode: "REGISTRY_ONLY" },
        trustDomain: "mesh.example",
        defaultConfig: { holdApplicationUntilProxyStarts: true },
      },
    };

    it("has the names, labels and ports of Istio's chart", () => {
      const objects = objectsOf({ chart: "istiod", values });
      assert.deepEqual(kindsAndNames(objects), [
        "ConfigMap/istio",
        "ConfigMap/values",
        "Deployment/istiod",
        "Service/istiod",
        "ServiceAccount/istiod",
      ]);
      assertContains(find(objects, "Service", "istiod"), {
        metadata: { namespace: "istio-system", labels: { app: "istiod", istio: "pilot", "istio.io/rev": "default" } },
        spec: {
          selector: { app: "istiod", istio: "pilot" },
          ports: [
            { name: "grpc-xds", port: 15010, protocol: "TCP" },
            { name: "https-dns", port: 15012, protocol: "TCP" },
            { name: "https-webhook", port: 443, targetPort: 15017, protocol: "TCP" },
            { name: "http-monitoring", port: 15014, protocol: "TCP" },
          ],
        },
      });
      const account = find(objects, "ServiceAccount", "istiod");
      assert.deepEqual(account["imagePullSecrets"], [{ name: "registry" }]);
    });

    it("renders the mesh config of the profile under the user's", () => {
      assert.deepEqual(meshConfig(objectsOf({ chart: "istiod", values })), {
        accessLogFile: "/dev/stdout",
        defaultConfig: { discoveryAddress: "istiod.istio-system.svc:15012", holdApplicationUntilProxyStarts: true },
        defaultProviders: { metrics: ["prometheus"] },
        enablePrometheusMerge: true,
        outboundTrafficPolicy: { mode: "REGISTRY_ONLY" },
        rootNamespace: "istio-system",
        trustDomain: "mesh.example",
      });
      const silent = { ...values, meshConfig: { accessLogFile: "" } };
      assertContains(meshConfig(objectsOf({ chart: "istiod", values: silent })), { accessLogFile: "" });
    });

    it("names Istio's own image, from the official hub unless the values name another", () => {
      const image = (given: object) => {
        const { spec } = find(objectsOf({ chart: "istiod", values: given }), "Deployment", "istiod");
        return (spec as { template: { spec: { containers: [{ image: string }] } } }).template.spec.containers[0].image;
      };
      assert.equal(image({}), `${officialHub}/pilot:${versions.istio}`);
      assert.equal(
        image({ global: { hub: "registry.example/istio", tag: "1.30.2" } }),
        "registry.example/istio/pilot:1.30.2",
      );
      assert.equal(image({ profile: "ambient" }), `${officialHub}/pilot:${versions.istio}-distroless`);
    });

    it("is labelled with the version that is asked for, by which an upgrade knows it", () => {
      const objects = objectsOf({ chart: "istiod", values: { global: { tag: "1.30.2" } } });
      const labels = { "app.kubernetes.io/version": "1.30.2" };
      assertContains(find(objects, "Deployment", "istiod"), { metadata: { labels } });
    });

    it("keeps a revision's objects apart from the default's", () => {
      const objects = objectsOf({ chart: "istiod", values: { ...values, revision: "1-31-1" } });
      assert.deepEqual(kindsAndNames(objects), [
        "ConfigMap/istio-1-31-1",
        "ConfigMap/values-1-31-1",
        "Deployment/istiod-1-31-1",
        "Service/istiod-1-31-1",
        "ServiceAccount/istiod-1-31-1",
      ]);
      const selector = { app: "istiod", "istio.io/rev": "1-31-1" };
      assertContains(find(objects, "Service", "istiod-1-31-1"), { spec: { selector } });
      assertContains(find(objects, "Deployment", "istiod-1-31-1"), {
        spec: { selector: { matchLabels: selector }, template: { metadata: { labels: selector } } },
      });
      assertContains(meshConfig(objects, "istio-1-31-1"), {
        defaultConfig: { discoveryAddress: "istiod-1-31-1.istio-system.svc:15012" },
      });
    });

    it("scales as its values say, over the profile's, and protects several pods but not one", () => {
      const scaled = { profile: "demo", pilot: { autoscaleEnabled: true, autoscaleMin: 2 } };
      const objects = objectsOf({ chart: "istiod", values: scaled });
      const limits = { spec: { minReplicas: 2, maxReplicas: 5 } };
      assertContains(find(objects, "HorizontalPodAutoscaler", "istiod"), limits);
      assertContains(find(objects, "PodDisruptionBudget", "istiod"), { spec: { minAvailable: 1 } });

      const defaults = kindsAndNames(objectsOf({ chart: "istiod" }));
      assert.ok(defaults.includes("HorizontalPodAutoscaler/istiod"));
      assert.ok(!defaults.includes("PodDisruptionBudget/istiod"));
    });
  });

  describe("cni", () => {
    it("runs Istio's node agent on every node, under its own names", () => {
      const values = { global: { nativeNftables: true } };
      const objects = objectsOf({ chart: "cni", release: "istio-cni", values });
      assert.deepEqual(kindsAndNames(objects), [
        "ConfigMap/istio-cni-config",
        "DaemonSet/istio-cni-node",
        "ServiceAccount/istio-cni",
      ]);
      assertContains(find(objects, "ConfigMap", "istio-cni-config"), {
        data: { CURRENT_AGENT_VERSION: versions.istio, NATIVE_NFTABLES: "true", AMBIENT_ENABLED: "false" },
      });
      assertContains(find(objects, "DaemonSet", "istio-cni-node"), {
        spec: {
          selector: { matchLabels: { "k8s-app": "istio-cni-node" } },
          template: {
            metadata: { labels: { "k8s-app": "istio-cni-node" } },
            spec: {
              priorityClassName: "system-node-critical",
              containers: [{ name: "install-cni", image: `${officialHub}/install-cni:${versions.istio}` }],
            },
          },
        },
      });
    });

    it("asks for what Pod Security forbids below `privileged`, as Istio's own does", () => {
      const { spec } = find(objectsOf({ chart: "cni" }), "DaemonSet", "istio-cni-node");
      const { volumes } = (spec as { template: { spec: { volumes: { hostPath?: object }[] } } }).template.spec;
      assert.ok(volumes.length > 0 && volumes.every((volume) => volume.hostPath !== undefined));
    });
  });

  describe("ztunnel", () => {
    const values = {
      profile: "ambient",
      hub: "registry.example/istio",
      tag: versions.istio,
      logLevel: "info,access=off",
    };

    it("runs Istio's node proxy on every node, under its own names", () => {
      const objects = objectsOf({ chart: "ztunnel", values });
      assert.deepEqual(kindsAndNames(objects), ["DaemonSet/ztunnel", "ServiceAccount/ztunnel"]);
      const container = { name: "istio-proxy", image: `registry.example/istio/ztunnel:${versions.istio}-distroless` };
      assertContains(find(objects, "DaemonSet", "ztunnel"), {
        spec: {
          selector: { matchLabels: { app: "ztunnel" } },
          template: {
            metadata: { labels: { app: "ztunnel" } },
            spec: { serviceAccountName: "ztunnel", priorityClassName: "system-node-critical", containers: [container] },
          },
        },
      });
    });

    it("asks the control plane of its revision", () => {
      const env = (given: object) => {
        const { spec } = find(objectsOf({ chart: "ztunnel", values: given }), "DaemonSet", "ztunnel");
        type Container = { env: { name: string; value: string }[] };
        const [container] = (spec as { template: { spec: { containers: [Container] } } }).template.spec.containers;
        return Object.fromEntries(container.env.map(({ name, value }) => [name, value]));
      };
      assertContains(env(values), { XDS_ADDRESS: "istiod.istio-system.svc:15012", RUST_LOG: "info,access=off" });
      assertContains(env({ revision: "1-31-1" }), { CA_ADDRESS: "istiod-1-31-1.istio-system.svc:15012" });
    });

    it("takes images and values of all charts from `global` as well", () => {
      const image = (given: object) =>
        JSON.stringify(objectsOf({ chart: "ztunnel", values: given })).match(/"image":"([^"]*)"/)?.[1];
      assert.equal(image({}), `${officialHub}/ztunnel:${versions.istio}`);
      assert.equal(image({ global: { hub: "r.example", tag: "1.30.2" } }), "r.example/ztunnel:1.30.2");
    });
  });

  describe("gateway", () => {
    const ports = [
      { name: "status-port", port: 15021, targetPort: 15021, nodePort: 30021, protocol: "TCP" },
      { name: "http2", port: 80, targetPort: 80, nodePort: 30080, protocol: "TCP" },
    ];
    const gateway = { chart: "gateway", release: "istio-ingress", namespace: "istio-ingress" };

    it("is named after the release, with the labels that a Gateway selects by", () => {
      const values = { service: { type: "NodePort", ports }, autoscaling: { enabled: false }, replicaCount: 2 };
      const objects = objectsOf({ ...gateway, values });
      assert.deepEqual(kindsAndNames(objects), [
        "Deployment/istio-ingress",
        "Service/istio-ingress",
        "ServiceAccount/istio-ingress",
      ]);
      const labels = { app: "istio-ingress", istio: "ingress" };
      assert.deepEqual(find(objects, "Service", "istio-ingress")["spec"], {
        type: "NodePort",
        ports,
        selector: labels,
      });
      assertContains(find(objects, "Deployment", "istio-ingress"), {
        metadata: { namespace: "istio-ingress" },
        spec: {
          replicas: 2,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { serviceAccountName: "istio-ingress" } },
        },
      });
    });

    it("lets an autoscaler decide the number of pods, and keeps some of them up, where values ask for it", () => {
      const autoscaling = { enabled: true, minReplicas: 2, maxReplicas: 4, targetCPUUtilizationPercentage: 60 };
      const values = { autoscaling, replicaCount: 3, podDisruptionBudget: { minAvailable: 1 } };
      const objects = objectsOf({ ...gateway, values });
      assert.equal(
        (find(objects, "Deployment", "istio-ingress")["spec"] as object & { replicas?: number }).replicas,
        undefined,
      );
      assertContains(find(objects, "HorizontalPodAutoscaler", "istio-ingress"), {
        spec: { minReplicas: 2, maxReplicas: 4 },
      });
      assertContains(find(objects, "PodDisruptionBudget", "istio-ingress"), { spec: { minAvailable: 1 } });
    });

    it("refuses a key it does not know", () => {
      assert.match(refusal(helm, { ...gateway, values: { replicas: 2 } }) ?? "", /replicas/);
    });

    it("refuses a Service without ports", () => {
      assert.match(refusal(helm, { ...gateway, values: { service: { ports: [] } } }) ?? "", /service\.ports/);
    });
  });
});
