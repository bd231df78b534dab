import assert from "node:assert/strict";
import { clusterSettings } from "../../components/cluster/kinds";
import { policyNotes } from "../../policies/notes";
import { compilePolicies } from "../../policies/compile";
import { validate } from "../../components/validation/validate";
import { readStackFile, root } from "../settings/stack-files";
import { traffic } from "../../components/settings/sections/traffic";
import type { PortProtocol } from "../../components/shared/workload";
import { ambientShop, type PolicySettings, shop, shopModel } from "../support/policy-models";

type Service = NonNullable<NonNullable<PolicySettings["traffic"]>["services"]>[number];

const settings: PolicySettings = {
  security: { egress: { allow: [{ from: "front", hosts: ["a-cup-of.coffee"], ports: [443] }] } },
};
const objects = compilePolicies(ambientShop(settings));

function talos(cni: object) {
  return clusterSettings.parse({
    ...{ kind: "talos", name: "test", endpoint: "https://10.0.0.1:6443" },
    ...{ talosVersion: "v1.13.0", kubernetesVersion: "v1.34.0", cni },
    nodes: [{ hostname: "a", ipAddress: "10.0.0.1", controlPlane: true, installDisk: "/dev/sda", arch: "amd64" }],
  });
}

const policies = shopModel({});

function notes(cluster: ReturnType<typeof talos>, placed = objects): string[] {
  return policyNotes({ policies, settings: { cluster, traffic: traffic.parse({}) } }, placed);
}

type ConnectionPool = NonNullable<NonNullable<Service["trafficPolicy"]>["connectionPool"]>;

function breakerNotes(connectionPool: ConnectionPool, protocol: PortProtocol = "http"): string[] {
  const cluster = talos({ name: "flannel", kubeNetworkPoliciesEnabled: true });
  const ports = [{ port: 9080, protocol }];
  const workloads = shop.map((one) => ({ ...one, ports }));
  const services = [{ host: "ratings", trafficPolicy: { connectionPool } }];
  const settings = { cluster, traffic: traffic.parse({ services }) };
  return policyNotes({ policies: shopModel({}, { workloads }), settings }, []);
}

describe("notes on egress", () => {
  it("name the workloads for which rules for others close the outside", () => {
    const cluster = talos({ name: "flannel", kubeNetworkPoliciesEnabled: true });
    const notesOf = (given: PolicySettings) =>
      policyNotes({ policies: shopModel(given), settings: { cluster, traffic: traffic.parse({}) } }, []);
    assert.deepEqual(notesOf(settings), [
      "security.egress closes the outside for workloads that none of its rules allow a host: shop/reviews, shop/ratings. To open a host to all, add a rule with from: '*'.",
    ]);
    const all = { security: { egress: { allow: [{ from: "*", hosts: ["a-cup-of.coffee"], ports: [443] }] } } };
    assert.deepEqual(notesOf(all), []);
    assert.deepEqual(notesOf({}), []);
  });

  it("report that flannel by itself ignores NetworkPolicy", () => {
    assert.deepEqual(notes(talos({ name: "flannel" })), [
      "The cluster's flannel ignores NetworkPolicy: a workload that connects to an external IP address bypasses security.egress. " +
        "Set kubeNetworkPoliciesEnabled under talos-mesh:cluster.cni, or use a CNI that enforces NetworkPolicy.",
    ]);
  });

  it("report that another CNI may not enforce it", () => {
    assert.match(
      notes(talos({ name: "none" }))[0] ?? "",
      /^It is not known whether the cluster's CNI enforces NetworkPolicy/,
    );
  });

  it("are absent if flannel enforces it, and without a NetworkPolicy", () => {
    assert.deepEqual(notes(talos({ name: "flannel", kubeNetworkPoliciesEnabled: true })), []);
    assert.deepEqual(notes(talos({ name: "flannel" }), compilePolicies(shopModel(settings))), []);
  });
});

describe("notes on circuit breakers", () => {
  const tcp = { maxConnections: 4 };

  it("report one that never opens over HTTP/1.1, where requests wait for a connection", () => {
    const note =
      "talos-mesh:traffic.services[0].trafficPolicy.connectionPool refuses no request: " +
      "over HTTP/1.1 requests wait for one of the 4 connections, as many as there are. " +
      "Set http.http1MaxPendingRequests for a circuit breaker that opens.";
    assert.deepEqual(breakerNotes({ tcp }), [note]);
    assert.deepEqual(breakerNotes({ tcp, http: { http2MaxRequests: 4, maxRequestsPerConnection: 1 } }), [note]);
    assert.deepEqual(breakerNotes({ tcp, http: { http1MaxPendingRequests: 1 } }), []);
    assert.deepEqual(breakerNotes({ tcp, http: { http2MaxRequests: 3 } }), []);
    assert.deepEqual(breakerNotes({ http: { http2MaxRequests: 3 } }), []);
    assert.deepEqual(breakerNotes({ tcp: { connectTimeout: "1s" }, http: { maxRequestsPerConnection: 1 } }), []);
  });

  it("report one that never opens over HTTP/2, where requests share a connection", () => {
    const shared = /over HTTP\/2 all requests share one connection\. Set http\.http2MaxRequests/;
    assert.match(breakerNotes({ tcp }, "grpc").join(), shared);
    assert.match(breakerNotes({ tcp, http: { h2UpgradePolicy: "UPGRADE" } }).join(), shared);
    assert.deepEqual(breakerNotes({ tcp, http: { http2MaxRequests: 4 } }, "http2"), []);
  });

  it("are absent for TCP, where each client has a connection of its own", () => {
    assert.deepEqual(breakerNotes({ tcp }, "tcp"), []);
  });

  it("are about the ports that a policy is for, and about subsets", () => {
    const notesOf = (service: Omit<Service, "host">) => {
      const settingsOf = { traffic: { services: [{ host: "ratings", ...service }] } };
      const ports = [
        { port: 9080, protocol: "http" as const },
        { port: 9000, protocol: "tcp" as const },
      ];
      const workloads = shop.map((one) => ({ ...one, ports }));
      const cluster = talos({ name: "flannel", kubeNetworkPoliciesEnabled: true });
      const placed = { cluster, traffic: traffic.parse(settingsOf.traffic) };
      return policyNotes({ policies: shopModel({}, { workloads }), settings: placed }, []).map(
        (note) => note.split(" ")[0],
      );
    };
    const ofPort = (number: number) => ({ port: { number }, connectionPool: { tcp } });
    assert.deepEqual(notesOf({ trafficPolicy: { portLevelSettings: [ofPort(9000), ofPort(9080)] } }), [
      "talos-mesh:traffic.services[0].trafficPolicy.portLevelSettings[1].connectionPool",
    ]);
    const overridden = {
      connectionPool: { tcp },
      portLevelSettings: [{ port: { number: 9080 }, outlierDetection: {} }],
    };
    assert.deepEqual(notesOf({ trafficPolicy: overridden }), []);
    const subset = { name: "v1", labels: { version: "v1" }, trafficPolicy: { connectionPool: { tcp } } };
    assert.deepEqual(notesOf({ subsets: [subset] }), [
      "talos-mesh:traffic.services[0].subsets[0].trafficPolicy.connectionPool",
    ]);
  });

  it("are absent for the stack of the article, whose circuit breaker opens", () => {
    const { settings: article, policies: known } = validate(readStackFile(`${root}/Pulumi.article.yaml`).sections, {
      secretNames: undefined,
    });
    assert.ok(article.traffic.services.some(({ trafficPolicy }) => trafficPolicy?.connectionPool));
    assert.doesNotMatch(policyNotes({ policies: known, settings: article }, []).join(), /connectionPool/);
  });
});

describe("notes on Secrets that sidecars read", () => {
  const cluster = talos({ name: "flannel", kubeNetworkPoliciesEnabled: true });
  const found = (credentialName: string) => {
    const trafficPolicy = { tls: { mode: "SIMPLE" as const, credentialName } };
    const ports = [{ number: 80, protocol: "HTTP" as const }];
    const externalServices = [{ hosts: ["api.example.com"], ports, trafficPolicy, sourceWorkload: "front" }];
    const given = { externalServices };
    return policyNotes(
      { policies: shopModel({ traffic: given }), settings: { cluster, traffic: traffic.parse(given) } },
      [],
    );
  };

  it("name the service account that must be allowed to list them", () => {
    assert.deepEqual(found("api-ca"), [
      "The sidecar of shop/front reads the Secret api-ca once service account front-account may list the Secrets of namespace shop, " +
        "which its pods then may as well; until then its connections fail.",
    ]);
  });

  it("are absent for a ConfigMap", () => {
    assert.deepEqual(found("configmap://api-ca"), []);
  });
});
