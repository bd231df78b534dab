import assert from "node:assert/strict";
import { compilePolicies } from "../../policies/compile";
import { explain } from "../../policies/explain/explain";
import type { AuthorizationRule } from "../../policies/api-objects";
import type { GatewayTls, ServicePort } from "../../components/shared/workload";
import {
  egress,
  ingress,
  type Overrides,
  type PolicySettings,
  refusals,
  shop,
  shopModel,
  shopSources,
} from "../support/policy-models";

type Security = NonNullable<PolicySettings["security"]>;
type Service = NonNullable<NonNullable<PolicySettings["traffic"]>["services"]>[number];

const ports: ServicePort[] = [
  { name: "http", port: 9080, protocol: "http" },
  { name: "tcp", port: 9000, protocol: "tcp" },
  { name: "tls", port: 9443, protocol: "tls" },
];
const workloads = shop.map((one) => (one.name === "reviews" ? { ...one, ports } : one));
const passes = { hosts: ["tls.example.com"], mode: "PASSTHROUGH", credentialNames: [] } as const;
const decrypts = { mode: "SIMPLE", credentialNames: ["ingress"] } as const;

function withTls(...servers: GatewayTls["servers"]): Overrides {
  const tls: GatewayTls = { plainHttp: "served", servers };
  const gateway = { ...ingress, ports: { ...ingress.ports, "tcp-echo": 31400 }, tls };
  return { workloads, gateways: [gateway, egress] };
}

const http: Service = { host: "front", gateways: ["ingress"], hosts: ["shop.example.com"] };
const tcp: Service = { host: "reviews", gateways: ["ingress"], tcp: [{}] };
const tls: Service = { host: "reviews", gateways: ["ingress"], hosts: ["tls.example.com"], tls: [{}] };

function settings(security: Security, ...services: Service[]): PolicySettings {
  return { security, traffic: { services } };
}

function refused(security: Security, services: readonly Service[], overrides = withTls(decrypts)): string[] {
  return refusals(shopSources(settings(security, ...services), overrides));
}

const deny = (given: object): Security => ({ authorization: { deny: [{ to: "ingress", paths: ["/a"], ...given }] } });
const jwt: Security = { jwt: [{ workload: "ingress", issuer: "a", jwks: '{"keys": []}' }] };
const shared =
  "it has requests too, and a rule cannot distinguish the two; use another port for the connections, such as one of extraPorts, or another gateway";

describe("connections that a gateway does not read", () => {
  it("are not closed by a deny rule of HTTP", () => {
    const closed = "would hold for every connection to port 31400 (tcp) of gateway ingress, which is not HTTP";
    const at = "security.authorization.deny[0].paths";
    assert.deepEqual(refused(deny({}), [http, tcp]), [`${at}: ${closed}; add ports: [80, 443]`]);
    assert.deepEqual(refused(deny({ ports: [80, 31400] }), [http, tcp]), [`${at}: ${closed}; add ports: [80, 443]`]);
    for (const given of [{ ports: [80, 443] }, { notPorts: [31400] }])
      assert.deepEqual(refused(deny(given), [http, tcp]), []);
    assert.deepEqual(refused(deny({}), [http]), []);
    assert.deepEqual(refused({ authorization: { audit: [{ to: "ingress", paths: ["/a"] }] } }, [http, tcp]), []);
  });

  it("are not closed by an external authorizer for paths, nor left out of an allow rule for their port", () => {
    const extensionProviders = [
      { name: "opa", envoyExtAuthzGrpc: { service: "opa.opa.svc.cluster.local", port: 9191 } },
    ];
    const external = [{ to: "ingress", provider: "opa", paths: ["/a"] }];
    assert.match(
      refused({ extensionProviders, authorization: { external } }, [http, tcp]).join(),
      /^security\.authorization\.external\[0\]\.paths: would hold for every connection to port 31400/,
    );
    const allow = [{ to: "ingress", ports: [31400], paths: ["/a"] }];
    assert.deepEqual(refused({ authorization: { allow } }, [http, tcp]), [
      "security.authorization.allow[0].paths: matches no connection to port 31400 (tcp) of gateway ingress, which is not HTTP; " +
        "write a rule of its own for the port, without paths",
    ]);
  });

  it("have a port without requests, where there is a deny rule of HTTP", () => {
    assert.deepEqual(refused(deny({}), [http, tls], withTls(passes, decrypts)), [
      `security.authorization.deny[0].paths: would hold for every connection to port 443 (tls) of gateway ingress, which is not HTTP; ${shared}`,
    ]);
    assert.deepEqual(refused(deny({ ports: [80] }), [http, tls], withTls(passes, decrypts)), []);
    // A gateway that decrypts nothing.
    const given = refused(deny({}), [http, tls], withTls(passes));
    assert.match(given.join(), /^[^,]+paths: .* port 443 \(tls\) .*; add ports: \[80\]$/);
  });

  it("are not closed by a deny rule of HTTP at an egress gateway", () => {
    const given: PolicySettings = {
      security: { authorization: { deny: [{ to: "egress", paths: ["/a"] }] } },
      traffic: {
        externalServices: [
          { name: "bank", hosts: ["bank.example"], ports: [{ number: 443, protocol: "TLS" }], egressGateway: "egress" },
        ],
      },
    };
    assert.deepEqual(refusals(shopSources(given, withTls(decrypts))), [
      "security.authorization.deny[0].paths: would hold for every connection to port 443 (tls) of gateway egress, which is not HTTP; add ports: [80]",
    ]);
  });

  it("need no token", () => {
    const model = shopModel(settings(jwt, http, tcp), withTls(decrypts));
    assert.deepEqual(refused(jwt, [http, tcp]), []);
    const policy = compilePolicies(model).find(
      ({ metadata }) => /jwt/.test(metadata.name) && metadata.namespace === "istio-ingress",
    );
    const { rules } = policy?.spec as { readonly rules: readonly AuthorizationRule[] };
    assert.deepEqual(rules[0]?.to, [{ operation: { notPorts: ["31400"] } }]);
    const connection = { from: "ingress", to: "reviews", port: 31400, method: "GET", path: "/", headers: {} };
    assert.equal(explain(model, connection).outcome, "passes");
  });

  it("share no port with requests that need a token", () => {
    assert.deepEqual(refused(jwt, [http, tls], withTls(passes, decrypts)), [
      `security.jwt[0]: gateway ingress has port 443 (tls), whose connections have no token and would be denied; ${shared}`,
    ]);
    assert.deepEqual(
      refused({ jwt: [{ workload: "reviews", issuer: "a", jwks: '{"keys": []}' }] }, [], {
        workloads: shop.map((one) =>
          one.name === "reviews"
            ? {
                ...one,
                ports: [...ports.slice(0, 1), { name: "tcp", port: 9000, targetPort: 9080, protocol: "tcp" as const }],
              }
            : one,
        ),
      }),
      [`security.jwt[0]: reviews has port 9000 (tcp), whose connections have no token and would be denied; ${shared}`],
    );
  });
});
