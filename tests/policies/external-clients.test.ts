import assert from "node:assert/strict";
import { ambientRefusal } from "../../policies/capabilities";
import { compilePolicies } from "../../policies/compile";
import {
  ambientSources,
  modelOf,
  type Overrides,
  type PolicySettings,
  refusals,
  shop,
  shopSources,
  workload,
} from "../support/policy-models";

type External = NonNullable<NonNullable<PolicySettings["traffic"]>["externalServices"]>[number];

const api: External = { hosts: ["api.example.com"], ports: [{ number: 80, protocol: "HTTP" }] };

describe("a service outside the mesh with a client of its own", () => {
  it("has a traffic policy, with a Secret, for the sidecar of one client", () => {
    const tls = { mode: "MUTUAL" as const, credentialName: "api-client" };
    const service: External = { ...api, trafficPolicy: { tls }, sourceWorkload: "front" };
    const sources = shopSources({ traffic: { externalServices: [service] } });
    assert.deepEqual(refusals(sources), []);
    const [rule] = compilePolicies(modelOf(sources)).filter(({ kind }) => kind === "DestinationRule");
    const sni = "api.example.com";
    assert.deepEqual(rule?.spec, {
      host: sni,
      workloadSelector: { matchLabels: { app: "front" } },
      trafficPolicy: { tls: { ...tls, sni, subjectAltNames: [sni] } },
    });
    const ambient = refusals(ambientSources({ traffic: { externalServices: [service] } }));
    assert.deepEqual(ambient, [
      `traffic.externalServices[0].sourceWorkload: found front; ${ambientRefusal("externalClient")}`,
    ]);
  });

  const refused: Readonly<Record<string, [External, string]>> = {
    "a client that does not exist": [
      { ...api, trafficPolicy: { connectionPool: { tcp: { maxConnections: 1 } } }, sourceWorkload: "fron" },
      "sourceWorkload: found fron; no such workload in namespace shop; did you mean front?",
    ],
    "a client, and nothing that it alone would apply": [
      { ...api, sourceWorkload: "front" },
      "sourceWorkload: found without trafficPolicy, which it is about; add one, or remove it",
    ],
    "a client, and subsets that others need": [
      {
        ...api,
        resolution: "STATIC",
        endpoints: [{ address: "192.0.2.1", labels: { site: "north" } }],
        trafficPolicy: { connectionPool: { tcp: { maxConnections: 1 } } },
        subsets: [{ name: "north", labels: { site: "north" } }],
        sourceWorkload: "front",
      },
      "sourceWorkload: found with subsets, which proxies of other clients would not know; remove one of the two",
    ],
  };
  for (const [what, [service, expected]] of Object.entries(refused)) {
    it(`is refused with ${what}`, () => {
      const found = refusals(shopSources({ traffic: { externalServices: [service] } }));
      assert.deepEqual(found, [`traffic.externalServices[0].${expected}`]);
    });
  }
});

describe("a service outside the mesh with the TCP port of another, and no addresses", () => {
  const entry = (host: string, more: Partial<External> = {}): External => {
    return { hosts: [host], ports: [{ number: 5432, protocol: "TCP" }], ...more };
  };
  const found = (mesh: PolicySettings["mesh"], overrides: Overrides, ...externalServices: External[]) =>
    refusals(shopSources({ traffic: { externalServices }, mesh }, overrides)).length;
  const both = [entry("a.net"), entry("b.net")];
  const ambient = { dataPlanes: { shop: "ambient" as const } };

  it("is accepted where the proxies of all clients answer DNS", () => {
    assert.equal(found({ dnsCapture: true }, {}, ...both), 0);
    assert.equal(found({}, ambient, ...both), 0);
    assert.equal(found({}, {}, ...both), 1);
    assert.equal(found({ dnsCapture: false }, ambient, ...both), 1);
    const orders = { workloads: [...shop, workload("cart", [], "orders")] };
    const mixed = { ...orders, dataPlanes: { shop: "ambient" as const, orders: "sidecar" as const } };
    assert.equal(found({}, mixed, ...both), 1);
    const inShop = { exportTo: ["shop"] };
    assert.equal(found({}, mixed, entry("a.net", inShop), entry("b.net", inShop)), 0);
  });

  it("is refused where istiod gives none an address", () => {
    assert.equal(found({ dnsCapture: true }, { istioVersion: "1.24.6" }, ...both), 1);
    const none = { resolution: "NONE" as const };
    assert.equal(found({ dnsCapture: true }, {}, entry("a.net", none), entry("b.net", none)), 1);
    assert.equal(found({ dnsCapture: true }, {}, entry("a.net", none), entry("b.net")), 0);
  });
});
