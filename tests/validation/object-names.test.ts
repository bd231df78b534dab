import assert from "node:assert/strict";
import { SettingsError, shortPath } from "../../components/shared/problem";
import { validate } from "../../components/validation/validate";

type Sections = Readonly<Record<string, unknown>>;

const till = { name: "till", serviceAccount: "till", port: 80 };

/** A stack with one workload, `till` in namespace shop. */
function stackWith(sections: Sections, workloads: readonly object[] = [till]): Sections {
  return {
    environment: "dev",
    cluster: { kind: "embedded", name: "test" },
    mesh: { version: "1.31.1" },
    applications: [{ namespace: "shop", workloads }],
    ...sections,
  };
}

function problems(sections: Sections, secretNames: readonly string[] = []): string[] {
  try {
    validate(sections, { secretNames });
    return [];
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    return error.problems.map(({ path, message }) => `${shortPath(path)}: ${message}`);
  }
}

const ambient = (service: string) => ({
  version: "1.31.1",
  dataPlane: "ambient",
  waypoints: [{ namespace: "shop", service }],
});

const istioGateway = {
  ...{ apiVersion: "networking.istio.io/v1", kind: "Gateway", metadata: { name: "edge", namespace: "shop" } },
  spec: {
    selector: { istio: "ingress" },
    servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["*"] }],
  },
};

const gatewayApiGateway = {
  ...{ apiVersion: "gateway.networking.k8s.io/v1", kind: "Gateway", metadata: { name: "edge", namespace: "shop" } },
  spec: { gatewayClassName: "istio", listeners: [{ name: "http", port: 80, protocol: "HTTP" }] },
};

const egress = (...hosts: readonly string[]) => ({
  security: { egress: { allow: [{ from: "shop/till", hosts, ports: [443] }] } },
});

const node = (hostname: string, last: number) => ({
  ...{ hostname, ipAddress: `192.0.2.${last}`, controlPlane: last < 4, installDisk: "/dev/sda" },
});

const talos = {
  ...{ kind: "talos", name: "test", endpoint: "https://192.0.2.1:6443", talosVersion: "v1.13.0" },
  kubernetesVersion: "v1.36.2",
};

const authorizer = (name: string) => ({ name, envoyExtAuthzGrpc: { service: "a.b.svc.cluster.local", port: 9000 } });

describe("names of objects", () => {
  const taken: Readonly<Record<string, readonly [sections: Sections, message: string]>> = {
    "two external hosts": [
      stackWith(egress("*.example.com", "example.com.wildcard")),
      "security.egress.allow[0].hosts[1]: the ServiceEntry example.com.wildcard in namespace shop already belongs to security.egress.allow[0].hosts[0]; change or remove one of them",
    ],
    "an external host at the egress gateway and a gateway": [
      stackWith({
        bookinfo: {},
        traffic: {
          services: [{ host: "reviews", gateways: ["to-example-com"], hosts: ["a.example.com"], http: [{}] }],
        },
        gateways: { egress: {}, "to-example-com": { namespace: "istio-egress" } },
        security: { egress: { ...egress("example.com").security.egress, mode: "egressGateway" } },
      }),
      "security.egress.allow[0].hosts[0]: the Gateway to-example-com in namespace istio-egress already belongs to gateways.to-example-com; change or remove one of them",
    ],
    "two gateways": [
      stackWith({
        gateways: { "foo-istio": { namespace: "edge" }, "istio-foo": { namespace: "edge", kind: "gateway-api" } },
      }),
      "gateways.istio-foo: the Service istio-foo-istio in namespace edge already belongs to gateways.foo-istio; change or remove one of them",
    ],
    "a workload and a waypoint": [
      stackWith({ mesh: ambient("till") }, [till, { ...till, name: "till-waypoint" }]),
      "mesh.waypoints[0]: the Service till-waypoint in namespace shop already belongs to applications[0].workloads[1].name; change or remove one of them",
    ],
    "the service account of a workload and a waypoint": [
      stackWith({ mesh: ambient("till") }, [till, { ...till, name: "desk", serviceAccount: "till-waypoint" }]),
      "mesh.waypoints[0]: the ServiceAccount till-waypoint in namespace shop already belongs to applications[0].workloads[1].serviceAccount; change or remove one of them",
    ],
    "a workload and the version of another": [
      stackWith({}, [
        { ...till, versions: ["v1"], versionServices: true },
        { ...till, name: "till-v1" },
      ]),
      "applications[0].workloads[1].name: the Service till-v1 in namespace shop already belongs to applications[0].workloads[0].versions[0]; change or remove one of them",
    ],
    "a workload and the API server": [
      stackWith({ applications: [{ namespace: "default", workloads: [{ ...till, name: "kubernetes" }] }] }),
      "applications[0].workloads[0].name: the Service kubernetes in namespace default already belongs to Kubernetes; expected another name",
    ],
    "a Gateway written out and a workload": [
      stackWith({ objects: [gatewayApiGateway] }, [till, { ...till, name: "edge-istio" }]),
      "objects[0].metadata.name: the Service edge-istio in namespace shop already belongs to applications[0].workloads[1].name; change or remove one of them",
    ],
    "an object written out and another setting": [
      stackWith({
        objects: [
          {
            ...{ apiVersion: "security.istio.io/v1beta1", kind: "PeerAuthentication" },
            ...{ metadata: { name: "default", namespace: "istio-system" }, spec: {} },
          },
        ],
      }),
      "objects[0].metadata.name: the PeerAuthentication default in namespace istio-system already belongs to mesh.mtls; change or remove one of them",
    ],
    "an authorizer and a tracing provider": [
      stackWith({
        observability: { prometheus: {}, tracing: { provider: "jaeger" } },
        security: { extensionProviders: [authorizer("jaeger")] },
      }),
      "security.extensionProviders[0].name: the extension provider jaeger already belongs to observability.tracing; change or remove one of them",
    ],
    "a provider in chart values and that of audit rules": [
      stackWith({
        mesh: {
          version: "1.31.1",
          values: { istiod: { meshConfig: { extensionProviders: [{ name: "talos-mesh-audit" }] } } },
        },
        security: { authorization: { audit: [{ to: "till", namespace: "shop" }] } },
      }),
      "mesh.values.istiod.meshConfig.extensionProviders[0].name: the extension provider talos-mesh-audit already belongs to security.authorization.audit; change or remove one of them",
    ],
    "a provider in the canary's chart values and a tracing provider": [
      stackWith({
        mesh: {
          version: "1.31.1",
          values: { istiod: { meshConfig: { extensionProviders: [{ name: "own" }] } } },
          canary: {
            ...{ version: "1.31.1", revision: "next" },
            values: { meshConfig: { extensionProviders: [{ name: "own" }, { name: "jaeger" }, { name: "envoy" }] } },
          },
        },
        observability: { prometheus: {}, tracing: { provider: "jaeger" } },
      }),
      "mesh.canary.values.meshConfig.extensionProviders[1].name: the extension provider of the canary jaeger already belongs to observability.tracing; change or remove one of them",
    ],
    "two providers in the canary's chart values": [
      stackWith({
        mesh: {
          version: "1.31.1",
          canary: {
            ...{ version: "1.31.1", revision: "next" },
            values: { meshConfig: { extensionProviders: [{ name: "own" }, { name: "own" }] } },
          },
        },
      }),
      "mesh.canary.values.meshConfig.extensionProviders[1].name: the extension provider of the canary own already belongs to mesh.canary.values.meshConfig.extensionProviders[0].name; change or remove one of them",
    ],
    "an authorizer and a provider of Istio": [
      stackWith({ security: { extensionProviders: [authorizer("prometheus")] } }),
      "security.extensionProviders[0].name: the extension provider prometheus already belongs to Istio; expected another name",
    ],
    "a node's step and one of the cluster": [
      stackWith({
        charts: { source: "https://charts.example.com" },
        cluster: { ...talos, nodes: [node("cp-1", 1), node("kubernetes", 5)] },
      }),
      "cluster.nodes[1].hostname: the resource of the cluster upgrade-kubernetes already belongs to the upgrade of Kubernetes; expected another name",
    ],
  };
  for (const [what, [sections, message]] of Object.entries(taken)) {
    it(`are refused where ${what} have the same`, () => assert.deepEqual(problems(sections), [message]));
  }

  it("are refused where a pull secret has the name of another Secret", () => {
    const pullSecret = (name: string) => ({ name, dockerConfigJson: { secret: "registry" } });
    const sections = stackWith({
      gateways: { ingress: { tls: { selfSigned: true } } },
      images: { pullSecrets: [pullSecret("istio-ingress-certificate"), pullSecret("cacerts")] },
    });
    assert.deepEqual(problems(sections, ["registry"]), [
      "images.pullSecrets[0].name: the Secret istio-ingress-certificate in namespace istio-ingress already belongs to gateways.ingress.tls; change or remove one of them",
      "images.pullSecrets[1].name: the Secret cacerts in namespace istio-system already belongs to istiod; expected another name",
    ]);
  });

  const refused: Readonly<Record<string, readonly [sections: Sections, message: string]>> = {
    "a waypoint's Service has more than 63 characters": [
      stackWith({ mesh: ambient("x".repeat(60)) }, [{ ...till, name: "x".repeat(60) }]),
      `mesh.waypoints[0]: needs the Service ${"x".repeat(60)}-waypoint in namespace shop, a name that Kubernetes refuses: it has 69 characters, and at most 63 are allowed`,
    ],
    "a Service begins with a digit": [
      stackWith({}, [{ ...till, name: "1till" }]),
      "applications[0].workloads[0].name: needs the Service 1till in namespace shop, a name that Kubernetes refuses: expected a letter, then letters, digits and '-'",
    ],
    "the Service of a version has more than 63 characters": [
      stackWith({}, [{ ...till, versions: ["v".repeat(60)], versionServices: true }]),
      `applications[0].workloads[0].versions[0]: needs the Service till-${"v".repeat(60)} in namespace shop, a name that Kubernetes refuses: it has 65 characters, and at most 63 are allowed`,
    ],
  };
  for (const [what, [sections, message]] of Object.entries(refused)) {
    it(`are refused where ${what}`, () => assert.deepEqual(problems(sections), [message]));
  }

  it("may be the same in two API groups, and for one service account of several workloads", () => {
    const objects = [istioGateway, gatewayApiGateway];
    assert.deepEqual(problems(stackWith({ objects }, [till, { ...till, name: "desk" }])), []);
  });

  it("are not judged where the value that they follow from is wrong in itself", () => {
    const sections = stackWith({
      gateways: { egress: {} },
      security: { egress: { ...egress("*.example.com").security.egress, mode: "egressGateway" } },
    });
    assert.deepEqual(problems(sections), [
      "security.egress.allow[0].hosts: found *.example.com; an egress gateway has to resolve the host name; list each host, or describe it in traffic.externalServices with the endpoint that serves all of them",
    ]);
  });
});
