import assert from "node:assert/strict";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { compilePolicies } from "../../policies/compile";
import { CrdSchemas } from "../support/crd-schema";
import {
  ingress,
  type Overrides,
  type PolicySettings,
  refusals,
  shopModel,
  shopSources,
  workload,
} from "../support/policy-models";

function compile(settings: PolicySettings, overrides: Overrides = {}): KubernetesObject[] {
  return compilePolicies(shopModel(settings, overrides));
}

function keys(objects: readonly KubernetesObject[]): string[] {
  return objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`);
}

const offered = { host: "front", gateways: ["ingress" as const], hosts: ["shop.example.com"], http: [{}] };

describe("the sidecar compiler", () => {
  it("sets the mTLS mode of the mesh without any other setting", () => {
    assert.deepEqual(keys(compile({})), ["PeerAuthentication istio-system/default"]);
  });

  it("denies by default in namespaces with workloads, not in those of gateways", () => {
    const settings: PolicySettings = { security: { authorization: { default: "deny" } } };
    const workloads = [workload("a", [], "one"), workload("b", [], "two"), workload("c", [], "two")];
    assert.deepEqual(keys(compile(settings, { workloads })), [
      "AuthorizationPolicy one/allow-nothing",
      "AuthorizationPolicy two/allow-nothing",
      "PeerAuthentication istio-system/default",
    ]);
  });

  it("lets a namespace differ from the default of authorization", () => {
    const settings: PolicySettings = { security: { authorization: { default: "deny", namespaces: { two: "allow" } } } };
    const workloads = [workload("a", [], "one"), workload("b", [], "two")];
    const policies = compile(settings, { workloads }).filter(({ kind }) => kind === "AuthorizationPolicy");
    assert.deepEqual(keys(policies), ["AuthorizationPolicy one/allow-nothing"]);
  });

  it("names callers by the trust domain of the mesh, also across namespaces", () => {
    const settings: PolicySettings = {
      security: { authorization: { allow: [{ to: "ratings", from: ["other/batch"] }] } },
    };
    const workloads = [workload("ratings"), workload("batch", [], "other")];
    const [policy] = compile(settings, { workloads, trustDomain: "example.org" });
    assert.deepEqual((policy?.spec as { rules: unknown }).rules, [
      { from: [{ source: { principals: ["example.org/ns/other/sa/batch-account"] } }] },
    ]);
  });

  it("routes to the only port, and to the port of the settings where there are several", () => {
    const ports = [9080, 8080].map((port) => ({ port, protocol: "http" as const }));
    const several = { workloads: [{ ...workload("ratings"), ports }] };
    const text = (port?: number) => {
      const settings = { traffic: { services: [{ host: "ratings", port, http: [{}] }] } };
      return JSON.stringify(compile(settings, port === undefined ? {} : several));
    };
    assert.match(text(), /"port":\{"number":9080\}/);
    assert.match(text(8080), /"port":\{"number":8080\}/);
  });

  it("uses the port of a gateway's Service for its server", () => {
    const gateways = [{ ...ingress, ports: { http2: 8000 } }];
    const [gateway] = compile({ traffic: { services: [offered] } }, { gateways });
    const { servers } = gateway?.spec as { servers: { port: unknown }[] };
    assert.deepEqual(servers[0]?.port, { number: 8000, name: "http", protocol: "HTTP" });
  });

  it("distinguishes names of workloads from generated names", () => {
    const workloads = [workload("front"), workload("front-ingress"), workload("nothing"), workload("allow-nothing")];
    const objects = compile(
      {
        traffic: { services: [offered, { host: "front", http: [{}] }, { host: "front-ingress", http: [{}] }] },
        security: {
          authorization: {
            default: "deny",
            allow: workloads.map(({ name }) => ({ to: name, methods: ["GET" as const] })),
          },
        },
      },
      { workloads },
    );
    assert.equal(new Set(keys(objects)).size, objects.length);
  });
});

describe("validation of policies for sidecars refuses", () => {
  const refused: Readonly<Record<string, [PolicySettings, Overrides, string]>> = {
    "a rule for one of two workloads with the same service account": [
      { security: { authorization: { allow: [{ to: "ratings", from: ["a"] }] } } },
      { workloads: [workload("ratings"), workload("a"), { ...workload("b"), serviceAccount: "a-account" }] },
      "security.authorization.allow[0].from: a runs as service account a-account, and so does b: the rule would match all of them; name all, or give each its own service account",
    ],
    "a name that is a workload and a gateway": [
      { security: { authorization: { allow: [{ to: "front", from: ["ingress"] }] } } },
      { workloads: [workload("front"), workload("ingress")] },
      "security.authorization.allow[0].from[0]: found ingress, a workload and a gateway; write shop/ingress, or rename one",
    ],
    "an exception from mTLS in the root namespace": [
      { security: { peerAuthentication: [{ namespace: "istio-system", mode: "DISABLE", reason: "just for a test" }] } },
      {},
      "security.peerAuthentication[0].namespace: found istio-system, where an exception applies to the whole mesh; set talos-mesh:mesh.mtls instead",
    ],
    "an exception from mTLS for the whole mesh, by a reference": [
      { security: { peerAuthentication: [{ workload: "*", mode: "STRICT" }] } },
      {},
      "security.peerAuthentication[0].workload: found *, where an exception applies to the whole mesh; set talos-mesh:mesh.mtls instead",
    ],
    "mTLS of a gateway": [
      { security: { peerAuthentication: [{ workload: "ingress", mode: "STRICT" }] } },
      {},
      "security.peerAuthentication[0].workload: found gateway ingress, whose tls says what it accepts; remove this entry",
    ],
    "two exceptions for the same pods, by reference and by namespace": [
      {
        security: {
          peerAuthentication: [
            { namespace: "shop", mode: "STRICT" },
            { workload: "shop/*", mode: "STRICT" },
          ],
        },
      },
      {},
      "security.peerAuthentication[1]: another entry is for the same pods; merge them",
    ],
    "two exceptions for the same pods": [
      {
        security: {
          peerAuthentication: [
            { namespace: "shop", mode: "PERMISSIVE", reason: "until the move is done" },
            { namespace: "shop", mode: "DISABLE", reason: "until the move is done" },
          ],
        },
      },
      {},
      "security.peerAuthentication[1]: another entry is for the same pods; merge them",
    ],
    "a rule by identity at a workload without mTLS": [
      {
        security: {
          peerAuthentication: [{ namespace: "shop", mode: "DISABLE", reason: "clients outside of the mesh" }],
          authorization: { allow: [{ to: "ratings", from: ["reviews"] }] },
        },
      },
      {},
      "security.authorization.allow[0].from: ratings has no mTLS (DISABLE), so no client has an identity; remove the exception, or use ipBlocks",
    ],
    "a deny rule by identity at a workload with plain text on one port": [
      {
        security: {
          peerAuthentication: [
            {
              ...{ namespace: "shop", workload: "ratings", mode: "STRICT", ports: { 9080: "PERMISSIVE" } },
              reason: "clients outside of the mesh",
            },
          ],
          authorization: { deny: [{ to: "ratings", from: ["reviews"] }] },
        },
      },
      {},
      "security.authorization.deny[0].from: ratings also accepts plain text (PERMISSIVE), where a client has no identity and this rule does not match; make it STRICT, or use allow rules instead",
    ],
    "a deny rule by identity at a workload with plain text": [
      {
        security: {
          peerAuthentication: [
            { namespace: "shop", workload: "ratings", mode: "PERMISSIVE", reason: "clients outside of the mesh" },
          ],
          authorization: { deny: [{ to: "ratings", fromNamespaces: ["other"] }] },
        },
      },
      {},
      "security.authorization.deny[0].fromNamespaces: ratings also accepts plain text (PERMISSIVE), where a client has no identity and this rule does not match; make it STRICT, or use allow rules instead",
    ],
  };

  for (const [what, [settings, overrides, expected]] of Object.entries(refused)) {
    it(what, () => assert.deepEqual(refusals(shopSources(settings, overrides)), [expected]));
  }

  it("claims of a workload that accepts no token", () => {
    const claims = { iss: ["https://issuer.example.com"] };
    const settings: PolicySettings = { security: { authorization: { allow: [{ to: "front", claims }] } } };
    assert.deepEqual(refusals(shopSources(settings)), [
      "security.authorization.allow[0].claims: front accepts no token, so no request has claims; add an entry of talos-mesh:security.jwt for it",
    ]);
  });
});

describe("the check against the CRDs", () => {
  const schemas = new CrdSchemas();
  const [object] = compile({ traffic: { services: [{ host: "reviews", http: [{ timeout: "1s" }] }] } }).slice(-1);
  assert.ok(object);
  const http = { route: [{ destination: { host: "reviews" } }] };
  const withHttp = (fields: object) => ({ ...object, spec: { hosts: ["reviews"], http: [{ ...http, ...fields }] } });

  it("accepts compiled objects", () => {
    assert.deepEqual(schemas.problems(object), []);
    assert.deepEqual(schemas.problems(withHttp({ match: [{ headers: { any: { exact: "name" } } }] })), []);
  });

  const wrong: Readonly<Record<string, [KubernetesObject, RegExp]>> = {
    "a misspelt field deep inside": [withHttp({ retries: { attempts: 1, perTryTimout: "1s" } }), /perTryTimout/],
    "a percentage next to its fault": [
      withHttp({ fault: { abort: { httpStatus: 500 }, percentage: {} } }),
      /percentage/,
    ],
    "two ways to match one string": [
      withHttp({ match: [{ uri: { exact: "/", prefix: "/" } }] }),
      /found exact, prefix; expected at most one of/,
    ],
    "a number for a string": [withHttp({ timeout: 1 }), /expected a string/],
    "a field next to the spec": [{ ...object, sepc: {} } as KubernetesObject, /sepc/],
    "an object without its namespace": [{ ...object, metadata: { name: "reviews" } }, /namespace/],
    "a name that the API server refuses": [{ ...object, metadata: { name: "A_b", namespace: "shop" } }, /A_b/],
    "a kind that no CRD defines": [{ ...object, kind: "VirtualServer" }, /VirtualServer, which is not a kind/],
  };
  for (const [what, [candidate, expected]] of Object.entries(wrong)) {
    it(`refuses ${what}`, () => assert.match(schemas.problems(candidate).join("\n"), expected));
  }
});
