import assert from "node:assert/strict";
import { compilePolicies } from "../../policies/compile";
import {
  ambientSources,
  egress,
  type PolicySettings,
  refusals,
  shop,
  shopModel,
  shopSources,
  workload,
} from "../support/policy-models";

type External = NonNullable<NonNullable<PolicySettings["traffic"]>["externalServices"]>[number];

const https = { number: 443, protocol: "TLS" as const };
const http = { number: 80, protocol: "HTTP" as const };
const api: External = { hosts: ["api.example.com"], ports: [http] };

function specs(kind: string, ...externalServices: External[]): unknown[] {
  const objects = compilePolicies(shopModel({ traffic: { externalServices } }));
  return objects.filter((object) => object.kind === kind).map(({ spec }) => spec);
}

function resolutionOf(service: Omit<External, "ports">): unknown {
  const [entry] = specs("ServiceEntry", { ...service, ports: [https] });
  return (entry as { resolution: unknown }).resolution;
}

describe("a service outside the mesh", () => {
  it("is found by the means that its hosts, addresses and endpoints allow", () => {
    assert.equal(resolutionOf({ hosts: ["example.com"] }), "DNS");
    assert.equal(resolutionOf({ hosts: ["*.example.com"] }), "NONE");
    assert.equal(resolutionOf({ hosts: ["example.com"], addresses: ["192.0.2.0/24"] }), "NONE");
    assert.equal(resolutionOf({ hosts: ["example.com"], addresses: ["192.0.2.7"] }), "DNS");
    assert.equal(resolutionOf({ hosts: ["example.com"], endpoints: [{ address: "192.0.2.7" }] }), "STATIC");
    assert.equal(resolutionOf({ hosts: ["example.com"], endpoints: [{ address: "other.example.com" }] }), "DNS");
    assert.equal(resolutionOf({ hosts: ["example.com"], workloadSelector: { labels: { app: "vm" } } }), "STATIC");
  });

  it("may have WorkloadEntries with DNS names, and every protocol of a ServiceEntry", () => {
    const machines: External = { ...api, resolution: "DNS", workloadSelector: { labels: { app: "vm" } } };
    const http = [{ timeout: "1s" }];
    const web: External = { hosts: ["web.example.com"], ports: [{ number: 81, protocol: "GRPC-WEB" }], http };
    const database: External = { hosts: ["db.example.com"], ports: [{ number: 3306, protocol: "MYSQL" }] };
    const given = (...externalServices: External[]) => refusals(shopSources({ traffic: { externalServices } }));
    assert.deepEqual(given(machines, web, database), []);
    assert.match(given({ ...database, http }).join("\n"), /its ports are MYSQL 3306, where proxies read no request/);
  });

  it("keeps the port of a request, whatever rules its ports share", () => {
    const ports = [http, { number: 8080, protocol: "HTTP" as const }, https];
    const [rules] = specs("VirtualService", { ...api, ports, http: [{ timeout: "1s" }] });
    const destination = (number: number) => [{ destination: { host: "api.example.com", port: { number } } }];
    assert.deepEqual(rules, {
      hosts: ["api.example.com"],
      http: [
        { match: [{ port: 80 }], timeout: "1s", route: destination(80) },
        { match: [{ port: 8080 }], timeout: "1s", route: destination(8080) },
      ],
    });
  });

  it("gets TLS with its own name, unless another is set", () => {
    const policyOf = (tls: NonNullable<NonNullable<External["trafficPolicy"]>["tls"]>) =>
      specs("DestinationRule", { ...api, trafficPolicy: { tls } });
    const rule = (tls: object) => [{ host: "api.example.com", trafficPolicy: { tls } }];
    const checked = (name: string) => ({ mode: "SIMPLE", sni: name, subjectAltNames: [name] });
    assert.deepEqual(policyOf({ mode: "SIMPLE" }), rule(checked("api.example.com")));
    assert.deepEqual(policyOf({ mode: "SIMPLE", sni: "other.net" }), rule(checked("other.net")));
    const others = { mode: "SIMPLE" as const, subjectAltNames: ["spiffe://example.com/api"] };
    assert.deepEqual(policyOf(others), rule({ ...others, sni: "api.example.com" }));
    const unchecked = { mode: "SIMPLE" as const, insecureSkipVerify: true };
    assert.deepEqual(policyOf(unchecked), rule({ ...unchecked, sni: "api.example.com" }));
    // istiod takes the names of the ServiceEntry where the rule has none.
    const named = { ...api, subjectAltNames: ["api.internal"], trafficPolicy: { tls: { mode: "SIMPLE" as const } } };
    assert.deepEqual(specs("DestinationRule", named), rule({ mode: "SIMPLE", sni: "api.example.com" }));
    assert.deepEqual(policyOf({ mode: "DISABLE" }), rule({ mode: "DISABLE" }));
  });

  const refused: Readonly<Record<string, [External | External[], string | string[]]>> = {
    "every host": [
      { ...api, hosts: ["*"] },
      `hosts: found "*", which is every host; expected DNS names, or mesh.outboundTrafficPolicy: ALLOW_ANY`,
    ],
    "a wildcard that DNS would have to resolve": [
      { ...api, hosts: ["*.example.com"], resolution: "DNS" },
      "hosts: found *.example.com, which resolution DNS cannot resolve; expected names without '*', or resolution NONE or DYNAMIC_DNS",
    ],
    "several hosts of a TCP port": [
      { hosts: ["a.example.com", "b.example.com"], ports: [{ number: 5432, protocol: "TCP" }] },
      "hosts: found 2 hosts with TCP on port 5432, which carries no host name; write an entry for each host",
    ],
    "a block of addresses with DNS": [
      { ...api, addresses: ["192.0.2.0/24"], resolution: "DNS" },
      "addresses: found 192.0.2.0/24 with resolution DNS; a block of addresses needs resolution NONE or STATIC",
    ],
    "endpoints next to a selector": [
      { ...api, endpoints: [{ address: "192.0.2.1" }], workloadSelector: { labels: { app: "vm" } } },
      "workloadSelector: found next to endpoints; expected one of them",
    ],
    "STATIC without an address": [
      { ...api, resolution: "STATIC" },
      "resolution: found STATIC without endpoints or workloadSelector, so it has no address; add one of them",
    ],
    "endpoints with NONE": [
      { ...api, resolution: "NONE", endpoints: [{ address: "192.0.2.1" }] },
      "endpoints: found with resolution NONE, which takes the address from the request; remove one of them",
    ],
    "a selector with one endpoint": [
      { ...api, resolution: "DNS_ROUND_ROBIN", workloadSelector: { labels: { app: "vm" } } },
      "resolution: found DNS_ROUND_ROBIN with a workloadSelector, which may select several; expected STATIC, or DNS for WorkloadEntries with DNS names",
    ],
    "a name among static endpoints, and a port that it does not have": [
      { ...api, resolution: "STATIC", endpoints: [{ address: "a.example.com", ports: { https: 443 } }] },
      [
        "endpoints[0].address: found a.example.com; resolution STATIC expects IP addresses; use DNS for names",
        "endpoints[0].ports: found https; its ports are named http-80",
      ],
    ],
    "two endpoints with DNS_ROUND_ROBIN": [
      { ...api, resolution: "DNS_ROUND_ROBIN", endpoints: [{ address: "a.net" }, { address: "b.net" }] },
      "endpoints: found 2 with resolution DNS_ROUND_ROBIN, which takes one; use DNS",
    ],
    "a name, an address and TCP with DYNAMIC_DNS": [
      {
        hosts: ["a.net"],
        addresses: ["192.0.2.1"],
        resolution: "DYNAMIC_DNS",
        ports: [{ number: 1, protocol: "TCP" }],
      },
      [
        "hosts: found a.net; resolution DYNAMIC_DNS is for wildcards; write an entry of its own for it",
        "addresses: found with resolution DYNAMIC_DNS, which resolves the name of each request; remove them",
        "ports: found TCP; resolution DYNAMIC_DNS expects one of: HTTP, HTTP2, GRPC, TLS",
      ],
    ],
    "a port twice, and a name twice": [
      [
        { ...api, ports: [http, { ...http, name: "other" }] },
        {
          hosts: ["b.net"],
          ports: [
            { ...http, name: "web" },
            { ...https, name: "web" },
          ],
        },
      ],
      [
        "ports: found port 80 twice; keep one of them",
        "ports: found the name web twice; expected a name for each port",
      ],
    ],
    "a namespace twice, and all with others": [
      [
        { ...api, exportTo: [".", "shop"] },
        { hosts: ["b.net"], ports: [http], exportTo: ["*", "shop"] },
      ],
      [
        "exportTo: found shop twice; keep one of them",
        "exportTo: found '*' with others; '*' is every namespace, remove the others",
      ],
    ],
    "a subset without endpoints": [
      {
        ...api,
        endpoints: [{ address: "192.0.2.1", labels: { site: "a" } }],
        subsets: [{ name: "b", labels: { site: "b" } }],
      },
      "subsets[0]: b selects none of the endpoints, so requests for it get 503; add endpoints with its labels",
    ],
    "rules without a port that carries HTTP": [
      { ...api, ports: [https], http: [{ timeout: "1s" }] },
      "http: its ports are TLS 443, where proxies read no request; expected a port of protocol HTTP, for TLS with trafficPolicy.tls and targetPort: 443",
    ],
    "a Service of the cluster": [
      { ...api, hosts: ["reviews.shop.svc.cluster.local"] },
      "hosts: found reviews.shop.svc.cluster.local, a Service of the cluster; it belongs to talos-mesh:traffic.services",
    ],
    "a host of another entry": [
      [api, api],
      "hosts[0]: host api.example.com already exists, at traffic.externalServices[0].hosts[0]; change or remove one of them",
    ],
    "a TCP port of another entry": [
      [
        { hosts: ["a.net"], ports: [{ number: 5432, protocol: "TCP" }] },
        { hosts: ["b.net"], ports: [{ number: 5432, protocol: "TCP" }] },
      ],
      "ports: TCP on port 5432 already goes to a.net, at traffic.externalServices[0], and without addresses a proxy cannot distinguish them; add addresses to one of them, or set mesh.dnsCapture: true (Istio 1.25 and newer)",
    ],
    "TLS on a port that has it": [
      { ...api, ports: [http, https], trafficPolicy: { tls: { mode: "SIMPLE" } } },
      "trafficPolicy.tls: port 443 has protocol TLS, so the workload speaks TLS already, and the proxy would encrypt it again; set it under portLevelSettings for a port of protocol HTTP",
    ],
    "settings of a port that it does not have": [
      { ...api, trafficPolicy: { portLevelSettings: [{ port: { number: 81 }, tls: { mode: "SIMPLE" } }] } },
      "trafficPolicy.portLevelSettings[0].port.number: found 81; its ports are 80",
    ],
    "MUTUAL without a certificate": [
      { ...api, trafficPolicy: { tls: { mode: "MUTUAL" } } },
      "trafficPolicy.tls: MUTUAL needs a client certificate: credentialName, or clientCertificate and privateKey",
    ],
    "a certificate that SIMPLE does not send": [
      { ...api, trafficPolicy: { tls: { mode: "SIMPLE", clientCertificate: "/a" } } },
      "trafficPolicy.tls: SIMPLE sends no client certificate; set mode: MUTUAL, or remove clientCertificate and privateKey",
    ],
    "certificates where there is no TLS": [
      { ...api, trafficPolicy: { tls: { mode: "DISABLE", caCertificates: "/a" } } },
      "trafficPolicy.tls: caCertificates: only for modes SIMPLE and MUTUAL; remove it",
    ],
    "names that are not verified": [
      { ...api, trafficPolicy: { tls: { mode: "SIMPLE", insecureSkipVerify: true, subjectAltNames: ["a"] } } },
      "trafficPolicy.tls: insecureSkipVerify verifies nothing; remove it, or what it would not verify",
    ],
    "a Secret that sidecars do not read": [
      { ...api, trafficPolicy: { tls: { mode: "SIMPLE", credentialName: "ca" } } },
      "trafficPolicy.tls: found credentialName ca, which sidecars do not read; set egressGateway, whose namespace has the Secret, sourceWorkload, whose sidecar alone reads one of its own namespace, or mount the files into the sidecars and name them: clientCertificate, privateKey, caCertificates",
    ],
  };
  for (const [what, [given, expected]] of Object.entries(refused)) {
    it(`is refused with ${what}`, () => {
      const externalServices = [given].flat();
      const found = refusals(shopSources({ traffic: { externalServices } }));
      const messages = found.map((problem) => problem.replace(/^traffic\.externalServices\[\d+\]\.?/, ""));
      assert.deepEqual(messages, [expected].flat());
    });
  }

  it("is refused in Istio's root namespace where egress is restricted", () => {
    const settings = {
      traffic: { externalServices: [{ ...api, namespace: "istio-system" }] },
      security: { egress: { allow: [] } },
    };
    assert.deepEqual(refusals(shopSources(settings)), [
      "traffic.externalServices[0].namespace: found istio-system, whose services every workload may reach, so that security.egress would not hold; name another",
    ]);
  });

  const inAmbient: Readonly<Record<string, [External, string]>> = {
    "rules without a waypoint": [
      { ...api, namespace: "elsewhere", http: [{ timeout: "1s" }] },
      "http needs a waypoint for clients in the ambient namespace shop, where ztunnel does not read HTTP: set namespace: shop and add { namespace: shop } to talos-mesh:mesh.waypoints; it is in namespace elsewhere, which has no waypoint",
    ],
    "a wildcard": [
      { ...api, hosts: ["*.example.com"] },
      "hosts: found *.example.com, for clients in the ambient namespace shop: not in the ambient data plane: a waypoint has to resolve the host name; instead: each host by name",
    ],
    "names that a waypoint would have to resolve from TLS": [
      { ...api, hosts: ["*.example.com"], resolution: "DYNAMIC_DNS", ports: [http, https] },
      "ports: found TLS on port 443, for clients in the ambient namespace shop: a waypoint resolves the names of HTTP requests to port 80 only",
    ],
    "a wildcard on a port that the header Host names": [
      { ...api, hosts: ["*.example.com"], resolution: "DYNAMIC_DNS", ports: [{ ...http, number: 8080 }] },
      "ports: found HTTP on port 8080, for clients in the ambient namespace shop",
    ],
    "an egress gateway": [
      { ...api, egressGateway: "egress" },
      "egressGateway: not in the ambient data plane: ztunnel sends nothing to an egress gateway; instead: no egressGateway",
    ],
    "a rule by the workload that calls": [
      { ...api, http: [{ match: [{ sourceWorkload: "front" }], timeout: "1s" }, {}] },
      "http[0].match[0].sourceWorkload: not in the ambient data plane: a waypoint does not route by the workload",
    ],
  };
  for (const [what, [service, expected]] of Object.entries(inAmbient)) {
    it(`is refused for ambient clients with ${what}`, () => {
      const sources = ambientSources({ traffic: { externalServices: [service] } }, { gateways: [egress] });
      const [found = "", ...others] = refusals(sources);
      assert.ok(found.startsWith(`traffic.externalServices[0]`) && found.includes(expected.slice(0, 60)), found);
      assert.deepEqual(others, []);
    });
  }

  it("is accepted for ambient clients that do not know it", () => {
    const service: External = { ...api, namespace: "batch", exportTo: ["."], http: [{ timeout: "1s" }] };
    assert.deepEqual(refusals(ambientSources({ traffic: { externalServices: [service] } })), []);
  });

  it("is refused with a Secret that its waypoint reads, and sidecars which know it do not", () => {
    const service: External = { ...api, trafficPolicy: { tls: { mode: "SIMPLE", credentialName: "ca" } } };
    const found = (exportTo?: External["exportTo"]) =>
      refusals(
        ambientSources(
          { traffic: { externalServices: [{ ...service, exportTo }] } },
          { workloads: [...shop, workload("cart", [], "orders")], dataPlanes: { shop: "ambient", orders: "sidecar" } },
        ),
      );
    assert.deepEqual(found(), [
      "traffic.externalServices[0].trafficPolicy.tls: found credentialName ca, which waypoint waypoint reads, and the sidecars of namespace orders do not: they would send plain text; set exportTo to the ambient namespaces, or set the dataPlane of orders to ambient",
    ]);
    assert.deepEqual(found(["shop"]), []);
  });
});
