import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import Ajv from "ajv";
import { stringify } from "yaml";
import { gatewayValues } from "../../../components/mesh/values/istio-charts";
import { gatewayServicePorts } from "../../../components/model/gateways";
import { validate } from "../../../components/validation/validate";
import type { GatewayDeploymentSettings } from "../../../components/settings/sections/gateways";

const golden = path.join(__dirname, "golden");
const root = path.resolve(__dirname, "../../..");

/** A gateway as a stack file has it, one variant each. */
const variants: Readonly<Record<string, object>> = {
  "node-port": { ports: { http: { port: 80, nodePort: 30080 }, https: { port: 8443, nodePort: 30443 } } },
  "cluster-ip": { serviceType: "ClusterIP", replicas: 2 },
  "load-balancer": {
    serviceType: "LoadBalancer",
    serviceAnnotations: { "metallb.io/address-pool": "public" },
    loadBalancerClass: "metallb.io/metallb",
    loadBalancerIP: "192.0.2.80",
    loadBalancerSourceRanges: ["198.51.100.0/24"],
    labels: { team: "edge" },
    annotations: { "example.com/contact": "edge" },
    externalTrafficPolicy: "Local",
  },
  autoscaled: {
    autoscale: { min: 2, max: 5, cpuUtilization: 80 },
    podDisruptionBudget: { minAvailable: 1 },
    antiAffinity: true,
    resources: { requests: { cpu: "100m" }, limits: { memory: "1Gi" } },
  },
  // Only HTTPS, behind a proxy that names the client.
  "encrypted-only": {
    tls: { credentialName: "own" },
    gatewayTopology: { numTrustedProxies: 2, proxyProtocol: {}, forwardClientCertDetails: "APPEND_FORWARD" },
  },
  "further-ports": {
    extraPorts: { "tcp-mysql": { port: 3306, targetPort: 13306, nodePort: 30306 }, "tls-vault": { port: 8200 } },
  },
};

function settingsWith(gateway: object, images: object = {}) {
  const raw = {
    environment: "dev",
    cluster: { kind: "existing", name: "test", kubeconfig: { file: "./kubeconfig" } },
    mesh: { version: "1.31.1" },
    images,
    gateways: { ingress: gateway },
  };
  return validate(raw, { secretNames: ["registry"] }).settings;
}

function valuesOf(gateway: object, images?: object) {
  const settings = settingsWith(gateway, images);
  const cluster = { simulatedNodes: false, talos: true };
  return gatewayValues(only(settings.gateways), { istio: "ingress" }, { ...settings, cluster });
}

function only(gateways: Readonly<Record<string, GatewayDeploymentSettings>>): GatewayDeploymentSettings {
  const [gateway] = Object.values(gateways);
  assert.ok(gateway);
  return gateway;
}

describe("the values of the gateway chart", () => {
  const schema = JSON.parse(
    readFileSync(path.join(root, "embedded/charts/gateway/values.schema.json"), "utf8"),
  ) as object;
  const valid = new Ajv({ strict: false }).compile(schema);

  for (const [name, gateway] of Object.entries(variants)) {
    it(`are those of the golden file: ${name}`, () => {
      const text = stringify(valuesOf(gateway), { sortMapEntries: true });
      const file = path.join(golden, `${name}.yaml`);
      if (process.env.UPDATE_GOLDEN) {
        mkdirSync(golden, { recursive: true });
        writeFileSync(file, text);
      }
      assert.equal(text, readFileSync(file, "utf8"));
    });

    it(`have only keys of the chart: ${name}`, () => {
      assert.ok(valid(valuesOf(gateway)), JSON.stringify(valid.errors));
    });
  }

  it("are checked against a schema that refuses unknown keys", () => {
    assert.equal(valid({ ...valuesOf({}), serviceType: "NodePort" }), false);
  });

  it("have the pull secrets, and change when the proxies' image changes", () => {
    const pullSecrets = [{ name: "registry", dockerConfigJson: { secret: "registry" } }];
    assert.deepEqual(valuesOf({}, { pullSecrets }).imagePullSecrets, [{ name: "registry" }]);
    const digests = { proxyv2: `sha256:${"2".repeat(64)}` };
    assert.notDeepEqual(valuesOf({}, { digests }).podAnnotations, valuesOf({}).podAnnotations);
  });

  it("have the ports that policies use", () => {
    const gateway = only(settingsWith(variants["further-ports"] ?? {}).gateways);
    const { ports } = valuesOf(variants["further-ports"] ?? {}).service as { ports: { name: string; port: number }[] };
    assert.deepEqual(Object.fromEntries(ports.map(({ name, port }) => [name, port])), gatewayServicePorts(gateway));
  });
});
