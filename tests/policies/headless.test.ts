import assert from "node:assert/strict";
import { ingress, type PolicySettings, refusals, shop, shopSources, workload } from "../support/policy-models";

const queue = { ...workload("queue", ["v1", "v2"]), headless: true };
type Traffic = NonNullable<PolicySettings["traffic"]>;

const refused = (traffic: Traffic) => refusals(shopSources({ traffic }, { workloads: [...shop, queue] }));
const inMesh = (http: NonNullable<Traffic["services"]>[number]["http"]) =>
  refused({ services: [{ host: "queue", http }] });

const chosen = "queue is headless: a sidecar sends what it gets to the pod that the client chose";
const remedy = "remove it, or let clients call a Service with an address";

describe("a headless Service", () => {
  it("has matches, timeouts, faults, retries and connection pools", () => {
    const services: Traffic["services"] = [
      {
        host: "queue",
        http: [
          { match: [{ uri: { prefix: "/slow" } }], fault: { delay: { percentage: 100, fixedDelay: "2s" } } },
          { timeout: "3s", retries: { attempts: 2 } },
        ],
        trafficPolicy: { connectionPool: { tcp: { maxConnections: 10 } } },
      },
    ];
    assert.deepEqual(refused({ services }), []);
  });

  it("is refused as a destination of rules for clients in the mesh, by version, by another service, as a mirror", () => {
    const leads = (found: string) => `leads to ${found}, and ${chosen}; ${remedy}`;
    assert.deepEqual(inMesh([{ route: { v1: 50, v2: 50 } }]), [
      `traffic.services[0].http[0]: ${leads("version v1")}`,
      `traffic.services[0].http[0]: ${leads("version v2")}`,
    ]);
    const front = (rule: object) => refused({ services: [{ host: "front", http: [rule] }] });
    assert.deepEqual(front({ route: [{ host: "queue" }] }), [`traffic.services[0].http[0]: ${leads("queue")}`]);
    assert.deepEqual(front({ mirror: { host: "queue" } }), [`traffic.services[0].http[0]: ${leads("queue")}`]);
    const hosts = ["api.example.com"];
    const ports = [{ number: 80, protocol: "HTTP" as const }];
    const outside = refused({ externalServices: [{ hosts, ports, http: [{ route: [{ host: "queue" }] }] }] });
    assert.deepEqual(outside, [`traffic.externalServices[0].http[0]: ${leads("queue")}`]);
  });

  it("is refused with what balances requests, which gateways alone do", () => {
    const trafficPolicy = { loadBalancer: { simple: "ROUND_ROBIN" as const }, outlierDetection: { interval: "5s" } };
    assert.deepEqual(refused({ services: [{ host: "queue", trafficPolicy }] }), [
      `traffic.services[0].trafficPolicy.loadBalancer: ${chosen}, whatever this says; ${remedy}`,
      `traffic.services[0].trafficPolicy.outlierDetection: ${chosen}, whatever this says; ${remedy}`,
    ]);
    const exposed = {
      host: "queue",
      gateways: [ingress.name],
      hosts: ["shop.example.com"],
      http: [{ route: { v1: 100 } }],
    };
    assert.deepEqual(refused({ services: [{ ...exposed, trafficPolicy }] }), []);
  });
});
