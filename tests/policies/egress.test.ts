import assert from "node:assert/strict";
import { compilePolicies } from "../../policies/compile";
import { security } from "../../components/settings/sections/security";
import type { PolicyModel } from "../../components/model/policies/policy-model";
import {
  ambientShop,
  ambientSources,
  egress,
  ingress,
  type PolicySettings,
  refusals,
  shop,
  shopModel,
  shopSources,
  type ShopSources,
  workload,
} from "../support/policy-models";

type Egress = NonNullable<NonNullable<PolicySettings["security"]>["egress"]>;
type Allowance = Egress["allow"][number];

function compile(...allow: Allowance[]) {
  return compilePolicies(shopModel({ security: { egress: { allow } } }));
}

/** External hosts in the configuration of each workload's proxy. */
function external(...allow: Allowance[]): Record<string, string[]> {
  const sidecars = compile(...allow).filter(({ kind }) => kind === "Sidecar");
  return Object.fromEntries(
    sidecars.map(({ metadata, spec }) => {
      const { egress, outboundTrafficPolicy } = spec as {
        egress: [{ hosts: string[] }];
        outboundTrafficPolicy: { mode: string };
      };
      assert.equal(outboundTrafficPolicy.mode, "REGISTRY_ONLY");
      return [metadata.name, egress[0].hosts.filter((host) => host.startsWith("./"))];
    }),
  );
}

describe("egress", () => {
  it("is allowed to each workload by its own rules only", () => {
    assert.deepEqual(
      external(
        { from: "front", hosts: ["a-cup-of.coffee"], ports: [443] },
        { from: "reviews", hosts: ["une-tasse-de.cafe"], ports: [443] },
      ),
      { "front.scope": ["./a-cup-of.coffee"], "reviews.scope": ["./une-tasse-de.cafe"], "ratings.scope": [] },
    );
  });

  it("is closed for every workload without rules", () => {
    assert.deepEqual(external(), { "front.scope": [], "reviews.scope": [], "ratings.scope": [] });
  });

  it("never includes external hosts through a wildcard for the services of a namespace", () => {
    for (const { spec } of compile().filter(({ kind }) => kind === "Sidecar")) {
      const { egress } = spec as { egress: [{ hosts: string[] }] };
      assert.deepEqual(
        egress[0].hosts.filter((host) => host.endsWith("/*")),
        ["istio-system/*"],
      );
    }
  });

  const refused: Readonly<Record<string, [Allowance[], string]>> = {
    "a gateway as the client": [
      [{ from: "ingress", hosts: ["example.com"], ports: [443] }],
      "security.egress.allow[0].from: found ingress, a gateway; expected a workload",
    ],
    "a wildcard for TCP": [
      [{ from: "front", hosts: ["*.example.com"], ports: [5432], protocol: "TCP" }],
      "security.egress.allow[0].hosts: found *.example.com; TCP carries no host name, so a wildcard would allow every host",
    ],
    "TLS origination for a wildcard": [
      [{ from: "front", hosts: ["*.example.com"], ports: [80], protocol: "HTTP", tlsOrigination: true }],
      "security.egress.allow[0].hosts: found *.example.com; TLS origination needs one host name; list each host",
    ],
    "TLS origination for a workload that sends TLS": [
      [{ from: "front", hosts: ["example.com"], ports: [443], tlsOrigination: true }],
      "security.egress.allow[0].tlsOrigination: needs protocol HTTP, which the workload speaks to its proxy; found TLS",
    ],
    "ports that sidecars of one namespace cannot distinguish": [
      [
        { from: "front", hosts: ["example.com"], ports: [443] },
        { from: "reviews", hosts: ["example.com"], ports: [8443] },
      ],
      "security.egress.allow[1]: example.com is allowed by talos-mesh:security.egress.allow[0] with TLS 443, and sidecars of one namespace cannot distinguish ports or protocols of a host by workload; use the same in both",
    ],
    "two hosts on one port for TCP": [
      [
        { from: "front", hosts: ["a.example.com"], ports: [5432], protocol: "TCP" },
        { from: "reviews", hosts: ["b.example.com"], ports: [5432], protocol: "TCP" },
      ],
      "security.egress.allow[1].ports: TCP on port 5432 already goes to a.example.com, and a port can have one host only; use TLS, another port, or in mode sidecar set mesh.dnsCapture: true (Istio 1.25 and newer)",
    ],
  };
  for (const [what, [allow, expected]] of Object.entries(refused)) {
    it(`refuses ${what}`, () => {
      assert.deepEqual(refusals(shopSources({ security: { egress: { allow } } })), [expected]);
    });
  }

  const gateways = [ingress, egress];
  const byGateway = (...allow: Allowance[]) => ({ mode: "egressGateway" as const, allow });
  const twins = shop.map((one) => ({ ...one, serviceAccount: one.name === "front" ? "front" : "shared" }));
  const oneHost: Allowance = { from: "reviews", hosts: ["example.com"], ports: [443] };
  const long = `${"a".repeat(59)}.example.com`;

  const furtherRefusals: Readonly<Record<string, [Egress, ShopSources, string]>> = {
    "several ports of a host at an egress gateway": [
      byGateway({ ...oneHost, ports: [443, 8443] }),
      shopSources({}, { gateways }),
      "security.egress.allow[0].ports: example.com is allowed with TLS 443, TLS 8443; an egress gateway serves one port of a host for HTTP, and one for TLS or TCP; keep one of each",
    ],
    "a port of a host at an egress gateway that differs by workload": [
      byGateway(oneHost, { ...oneHost, from: "front", ports: [8443] }),
      shopSources({}, { gateways }),
      "security.egress.allow[1]: example.com is allowed by talos-mesh:security.egress.allow[0] with TLS 443, and an egress gateway cannot distinguish ports or protocols of a host by workload; use the same in both",
    ],
    "a wildcard at an egress gateway": [
      byGateway({ ...oneHost, hosts: ["*.example.com"] }),
      shopSources({}, { gateways }),
      "security.egress.allow[0].hosts: found *.example.com; an egress gateway has to resolve the host name; list each host, or describe it in traffic.externalServices with the endpoint that serves all of them",
    ],
    "a host that is too long for the name of a subset": [
      byGateway({ ...oneHost, hosts: [long] }),
      shopSources({}, { gateways }),
      `security.egress.allow[0].hosts: ${long} is too long for an egress gateway, which names a Gateway after it`,
    ],
    "a service account that another workload shares": [
      byGateway(oneHost),
      shopSources({}, { gateways, workloads: twins }),
      "security.egress.allow[0].from: reviews runs as service account shared, and so does ratings: the hosts would be open to both; allow them for both, or give each its own service account",
    ],
    "an ambient workload without a waypoint": [
      { allow: [oneHost] },
      ambientSources(
        {},
        { waypoints: [{ name: "ratings-waypoint", namespace: "shop", service: "ratings", ingress: false }] },
      ),
      "security.egress.allow[0].from: egress of the ambient namespace shop goes through its waypoint; add { namespace: shop } to talos-mesh:mesh.waypoints",
    ],
    "two protocols of a port of a host": [
      { allow: [oneHost, { ...oneHost, from: "front", protocol: "HTTP" }] },
      ambientSources({}),
      "security.egress.allow[1]: example.com is allowed by talos-mesh:security.egress.allow[0] with TLS 443, and a waypoint serves one protocol of a port of a host; use the same in both",
    ],
    "a workload with a sidecar in mode waypoint": [
      { mode: "waypoint", allow: [oneHost] },
      shopSources({}),
      "security.egress.allow[0].from: reviews has a sidecar, and mode waypoint is for ambient workloads; remove security.egress.mode, so that each workload uses the mode of its data plane",
    ],
    "a host without ports that no external service describes": [
      { allow: [{ from: "reviews", hosts: ["example.com"] }] },
      shopSources({}),
      "security.egress.allow[0].ports: missing; expected the ports of example.com, or an entry of talos-mesh:traffic.externalServices for it",
    ],
    "a namespace that no proxy meshes": [
      { allow: [{ ...oneHost, from: "shop/*" }] },
      shopSources({}, { dataPlanes: { shop: "none" } }),
      "security.egress.allow[0].from: found shop/*, where no workload is in the mesh; expected one that is",
    ],
    "a workload outside the mesh": [
      { allow: [oneHost] },
      shopSources({}, { dataPlanes: { shop: "none" } }),
      "security.egress.allow[0].from: reviews is not in the mesh; set dataPlane: sidecar for namespace shop in talos-mesh:mesh.namespaces, or remove it",
    ],
  };
  for (const [what, [settings, sources, expected]] of Object.entries(furtherRefusals)) {
    it(`refuses ${what}`, () => {
      assert.deepEqual(refusals({ ...sources, security: security.parse({ egress: settings }) }), [expected]);
    });
  }

  it("is open to workloads that share a service account if each is allowed", () => {
    const model = shopModel(
      { security: { egress: byGateway(oneHost, { ...oneHost, from: "ratings" }) } },
      { gateways, workloads: twins },
    );
    const admission = compilePolicies(model).find(({ metadata }) => metadata.name === "egress.ways-out");
    assert.deepEqual((admission?.spec as { rules: unknown }).rules, [
      {
        from: [{ source: { principals: ["cluster.local/ns/shop/sa/shared"] } }],
        when: [{ key: "connection.sni", values: ["example.com"] }],
      },
    ]);
  });

  it("distinguishes the ports of a host by workload at a waypoint", () => {
    const model = ambientShop({
      security: { egress: { allow: [oneHost, { ...oneHost, from: "front", ports: [8443] }] } },
    });
    const objects = compilePolicies(model);
    const entry = objects.find(({ kind }) => kind === "ServiceEntry");
    assert.deepEqual(entry?.metadata.labels?.["istio.io/use-waypoint"], "waypoint");
    assert.deepEqual(
      (entry?.spec as { ports: { number: number }[] }).ports.map(({ number }) => number),
      [443, 8443],
    );
    const admission = objects.find(({ metadata }) => metadata.name === "example.com.way-out");
    assert.deepEqual((admission?.spec as { rules: unknown }).rules, [
      {
        from: [{ source: { principals: ["cluster.local/ns/shop/sa/front-account"] } }],
        to: [{ operation: { ports: ["8443"] } }],
      },
      {
        from: [{ source: { principals: ["cluster.local/ns/shop/sa/reviews-account"] } }],
        to: [{ operation: { ports: ["443"] } }],
      },
    ]);
  });

  it("has several ports and protocols of one host, each port with its own", () => {
    const both: Allowance[] = [
      { from: "front", hosts: ["example.com"], ports: [80], protocol: "HTTP", tlsOrigination: true },
      { from: "front", hosts: ["example.com"], ports: [443] },
    ];
    assert.deepEqual(refusals(shopSources({ security: { egress: { allow: both } } })), []);
    const objects = compile(...both);
    const specOf = (kind: string) => objects.find((object) => object.kind === kind)?.spec;
    assert.deepEqual((specOf("ServiceEntry") as { ports: unknown }).ports, [
      { number: 80, name: "http-80", protocol: "HTTP", targetPort: 443 },
      { number: 443, name: "tls-443", protocol: "TLS" },
    ]);
    assert.deepEqual((specOf("DestinationRule") as { trafficPolicy: unknown }).trafficPolicy, {
      portLevelSettings: [
        { port: { number: 80 }, tls: { mode: "SIMPLE", sni: "example.com", subjectAltNames: ["example.com"] } },
      ],
    });
  });

  it("goes through the gateway by port: HTTP by its port for HTTP, TLS by its port for HTTPS", () => {
    const both = byGateway(oneHost, { ...oneHost, ports: [80], protocol: "HTTP" });
    const model = shopModel({ security: { egress: both } }, { gateways });
    const objects = compilePolicies(model);
    const entrance = objects.find(({ kind }) => kind === "Gateway")?.spec as { servers: { port: unknown }[] };
    assert.deepEqual(
      entrance.servers.map(({ port }) => port),
      [
        { number: 80, name: "http", protocol: "HTTPS" },
        { number: 443, name: "tls", protocol: "TLS" },
      ],
    );
    const to = (number: number) => [
      { destination: { host: "istio-egress.istio-egress.svc.cluster.local", subset: "example-com", port: { number } } },
    ];
    const out = (number: number) => [{ destination: { host: "example.com", port: { number } } }];
    const inMesh = { gateways: ["mesh"] };
    const atGateway = { gateways: ["istio-egress/to-example-com"] };
    assert.deepEqual(objects.find(({ kind }) => kind === "VirtualService")?.spec, {
      hosts: ["example.com"],
      gateways: ["istio-egress/to-example-com", "mesh"],
      exportTo: [".", "shop"],
      http: [
        { match: [{ ...inMesh, port: 80 }], route: to(80) },
        { match: [{ ...atGateway, port: 80 }], route: out(80) },
      ],
      tls: [{ match: [{ ...inMesh, port: 443, sniHosts: ["example.com"] }], route: to(443) }],
      tcp: [{ match: [{ ...atGateway, port: 443 }], route: out(443) }],
    });
  });

  it("is allowed to all workloads of the mesh, or of a namespace", () => {
    const workloads = [...shop, workload("job", [], "batch"), workload("legacy", [], "old")];
    const dataPlanes = { shop: "sidecar" as const, batch: "sidecar" as const, old: "none" as const };
    const reach = (from: string) => {
      const allow = [{ from, hosts: ["example.com"], ports: [443] }];
      const objects = compilePolicies(shopModel({ security: { egress: { allow } } }, { workloads, dataPlanes }));
      return objects
        .filter(({ kind, spec }) => kind === "Sidecar" && JSON.stringify(spec).includes("./example.com"))
        .map(({ metadata }) => metadata.name);
    };
    assert.deepEqual(reach("*"), ["job.scope", "front.scope", "ratings.scope", "reviews.scope"]);
    assert.deepEqual(reach("batch/*"), ["job.scope"]);
  });

  it("is restricted by a NetworkPolicy in namespaces with a waypoint or egress gateway, and in no other", () => {
    const workloads = [...shop, workload("legacy", ["v1"], "old")];
    const dataPlanes = { shop: "ambient" as const, old: "sidecar" as const };
    const restricted = (model: PolicyModel) =>
      compilePolicies(model).flatMap(({ kind, metadata }) => (kind === "NetworkPolicy" ? [metadata.namespace] : []));
    const settings = { security: { egress: { allow: [] } } };
    assert.deepEqual(restricted(ambientShop(settings, { workloads, dataPlanes })), ["shop"]);
    assert.deepEqual(restricted(shopModel(settings)), []);
    assert.deepEqual(restricted(shopModel({ security: { egress: byGateway() } }, { gateways, workloads })), [
      "old",
      "shop",
    ]);
    assert.deepEqual(restricted(ambientShop({}, { workloads, dataPlanes })), []);
  });
});
