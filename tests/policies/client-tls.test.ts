import assert from "node:assert/strict";
import { compilePolicies } from "../../policies/compile";
import { ambientRefusal } from "../../policies/capabilities";
import { CrdSchemas } from "../support/crd-schema";
import {
  ambientSources,
  type Overrides,
  type PolicySettings,
  refusals,
  shop,
  shopModel,
  shopSources,
} from "../support/policy-models";

type Service = NonNullable<NonNullable<PolicySettings["traffic"]>["services"]>[number];
type Policy = NonNullable<Service["trafficPolicy"]>;
const settingsOf = (entry: Partial<Service>) => ({ traffic: { services: [{ host: "ratings", ...entry }] } });
const permissive: Overrides = { mtls: "PERMISSIVE" };

function refused(trafficPolicy: Policy, overrides: Overrides = permissive): string[] {
  return refusals(shopSources(settingsOf({ trafficPolicy }), overrides));
}

describe("TLS of clients to a service of the mesh", () => {
  it("is the service's, a port's or a subset's, and names the service unless the settings do", () => {
    const model = shopModel(
      settingsOf({
        trafficPolicy: {
          tls: { mode: "SIMPLE" },
          portLevelSettings: [{ port: { number: 9080 }, tls: { mode: "DISABLE" } }],
        },
        subsets: [{ name: "v1", labels: { version: "v1" }, trafficPolicy: { tls: { mode: "SIMPLE", sni: "a.test" } } }],
      }),
      permissive,
    );
    const [rule] = compilePolicies(model).filter(({ kind }) => kind === "DestinationRule");
    assert.ok(rule);
    assert.deepEqual(new CrdSchemas().problems(rule), []);
    const host = "ratings.shop.svc.cluster.local";
    assert.deepEqual(rule.spec, {
      host,
      trafficPolicy: {
        tls: { mode: "SIMPLE", sni: host, subjectAltNames: [host] },
        portLevelSettings: [{ port: { number: 9080 }, tls: { mode: "DISABLE" } }],
      },
      subsets: [
        {
          name: "v1",
          labels: { version: "v1" },
          trafficPolicy: { tls: { mode: "SIMPLE", sni: "a.test", subjectAltNames: ["a.test"] } },
        },
      ],
    });
  });

  const at = "traffic.services[0].trafficPolicy";
  const strict =
    "and port 9080 of ratings accepts mTLS only (STRICT), so every request would fail; remove it, as proxies speak mTLS by themselves, " +
    "or add { namespace: shop, workload: ratings, mode: PERMISSIVE } to talos-mesh:security.peerAuthentication";

  for (const mode of ["DISABLE", "SIMPLE"] as const) {
    it(`is refused for mode ${mode} where the service is STRICT, at a port too`, () => {
      assert.deepEqual(refused({ tls: { mode } }, {}), [`${at}.tls.mode: found ${mode}, ${strict}`]);
      assert.deepEqual(refused({ portLevelSettings: [{ port: { number: 9080 }, tls: { mode } }] }, {}), [
        `${at}.portLevelSettings[0].tls.mode: found ${mode}, ${strict}`,
      ]);
      assert.deepEqual(refused({ tls: { mode } }), []);
    });
  }

  it("is refused in a subset", () => {
    const subsets = [{ name: "v1", labels: { version: "v1" }, trafficPolicy: { tls: { mode: "DISABLE" as const } } }];
    assert.deepEqual(refusals(shopSources(settingsOf({ subsets }))), [
      `traffic.services[0].subsets[0].trafficPolicy.tls.mode: found DISABLE, ${strict}`,
    ]);
  });

  it("is refused for ISTIO_MUTUAL where no proxy accepts it", () => {
    assert.deepEqual(refused({ tls: { mode: "ISTIO_MUTUAL" } }), []);
    assert.deepEqual(refused({ tls: { mode: "ISTIO_MUTUAL" } }, { dataPlanes: { shop: "none" } }), [
      `${at}.tls.mode: found ISTIO_MUTUAL, and ratings has no proxy that accepts it, so every request would fail; ` +
        "set dataPlane: sidecar for namespace shop in talos-mesh:mesh.namespaces, or remove it",
    ]);
    const exception = {
      namespace: "shop",
      workload: "ratings",
      mode: "DISABLE" as const,
      reason: "probes in plain text",
    };
    const settings = {
      ...settingsOf({ trafficPolicy: { tls: { mode: "ISTIO_MUTUAL" } } }),
      security: { peerAuthentication: [exception] },
    };
    assert.deepEqual(refusals(shopSources(settings)), [
      `${at}.tls.mode: found ISTIO_MUTUAL, and port 9080 of ratings has no mTLS (DISABLE in talos-mesh:security.peerAuthentication), ` +
        "so every request would fail; remove one of the two",
    ]);
  });

  it("is refused in ambient for DISABLE and ISTIO_MUTUAL, and accepted for SIMPLE", () => {
    const ambient = (mode: "DISABLE" | "ISTIO_MUTUAL" | "SIMPLE") =>
      refusals(ambientSources(settingsOf({ trafficPolicy: { tls: { mode } } })));
    for (const mode of ["DISABLE", "ISTIO_MUTUAL"] as const) {
      assert.deepEqual(ambient(mode), [`${at}.tls.mode: found ${mode}; ${ambientRefusal("clientMtls")}`]);
    }
    assert.deepEqual(ambient("SIMPLE"), []);
  });

  it("is refused with a Secret that sidecars do not read, without a certificate, and for a port of TLS", () => {
    assert.deepEqual(refused({ tls: { mode: "SIMPLE", credentialName: "ca" } }), [
      `${at}.tls.credentialName: sidecars read no Secret; mount the files into the sidecars of the clients and name them: ` +
        "clientCertificate, privateKey, caCertificates",
    ]);
    assert.deepEqual(refused({ tls: { mode: "MUTUAL" } }), [
      `${at}.tls: MUTUAL needs a client certificate: credentialName, or clientCertificate and privateKey`,
    ]);
    const workloads = shop.map((one) => ({ ...one, ports: [{ port: 9443, protocol: "https" as const }] }));
    assert.deepEqual(refused({ tls: { mode: "SIMPLE" } }, { ...permissive, workloads }), [
      `${at}.tls: port 9443 has protocol https, so the workload speaks TLS already, and the proxy would encrypt it again; ` +
        "set it under portLevelSettings for a port of protocol HTTP",
    ]);
  });
});

describe("fields of a traffic policy that are newer than the release", () => {
  it("are refused in subsets and ports, and for services outside the mesh", () => {
    const warmup = { loadBalancer: { warmup: { duration: "30s" } } };
    const settings = {
      traffic: {
        services: [
          {
            host: "ratings",
            trafficPolicy: { portLevelSettings: [{ port: { number: 9080 }, ...warmup }] },
            subsets: [{ name: "v1", labels: { version: "v1" }, trafficPolicy: warmup }],
          },
        ],
        externalServices: [
          { hosts: ["api.example.com"], ports: [{ number: 80, protocol: "HTTP" as const }], trafficPolicy: warmup },
        ],
      },
    };
    const found = refusals(shopSources(settings, { istioVersion: "1.22.1" }));
    assert.deepEqual(
      found.filter((one) => one.includes("needs Istio 1.24")).map((one) => one.split(":")[0]),
      [
        "traffic.services[0].trafficPolicy.portLevelSettings[0].loadBalancer.warmup",
        "traffic.services[0].subsets[0].trafficPolicy.loadBalancer.warmup",
        "traffic.externalServices[0].trafficPolicy.loadBalancer.warmup",
      ],
    );
  });
});
