import assert from "node:assert/strict";
import type { KubernetesObject } from "../../components/shared/kubernetes-object";
import { PolicyError } from "../../policies/problems";
import { compileSidecar } from "../../policies/sidecar";
import { CrdSchemas } from "../support/crd-schema";
import { ingress, type PolicyWords, shopModel, workload } from "../support/policy-models";
import type { PolicyModel } from "../../policies/model";

function compile(words: PolicyWords, places: Partial<PolicyModel> = {}): KubernetesObject[] {
  return compileSidecar(shopModel(words, places));
}

function keys(objects: readonly KubernetesObject[]): string[] {
  return objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`);
}

/** The problems of a model, as a user reads them. */
function refusal(words: PolicyWords, places: Partial<PolicyModel> = {}): string[] {
  try {
    compile(words, places);
  } catch (error) {
    assert.ok(error instanceof PolicyError);
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
}

const offered = { host: "front", gateways: ["ingress" as const], hosts: ["shop.example.com"], http: [{}] };

describe("sidecar compiler", () => {
  it("sets the mesh's mTLS mode even when nothing else is said", () => {
    assert.deepEqual(keys(compile({})), ["PeerAuthentication istio-system/default"]);
  });

  it("denies by default where workloads are, and never where only a gateway is", () => {
    const words: PolicyWords = { security: { authorization: { default: "deny" } } };
    const workloads = [workload("a", [], "one"), workload("b", [], "two"), workload("c", [], "two")];
    assert.deepEqual(keys(compile(words, { workloads })), [
      "AuthorizationPolicy one/allow-nothing",
      "AuthorizationPolicy two/allow-nothing",
      "PeerAuthentication istio-system/default",
    ]);
  });

  it("lets a namespace differ from the default of authorization", () => {
    const words: PolicyWords = { security: { authorization: { default: "deny", namespaces: { two: "allow" } } } };
    const workloads = [workload("a", [], "one"), workload("b", [], "two")];
    const policies = compile(words, { workloads }).filter(({ kind }) => kind === "AuthorizationPolicy");
    assert.deepEqual(keys(policies), ["AuthorizationPolicy one/allow-nothing"]);
  });

  it("names callers by the trust domain of the mesh, also across namespaces", () => {
    const words: PolicyWords = { security: { authorization: { allow: [{ to: "ratings", from: ["other/batch"] }] } } };
    const workloads = [workload("ratings"), workload("batch", [], "other")];
    const [policy] = compile(words, { workloads, trustDomain: "example.org" });
    assert.deepEqual((policy?.spec as { rules: unknown }).rules, [
      { from: [{ source: { principals: ["example.org/ns/other/sa/batch-account"] } }] },
    ]);
  });

  it("uses the port of the settings, and the workload's where none is given", () => {
    const text = (port?: number) =>
      JSON.stringify(compile({ traffic: { services: [{ host: "ratings", port, http: [{}] }] } }));
    assert.match(text(), /"port":\{"number":9080\}/);
    assert.match(text(8080), /"port":\{"number":8080\}/);
  });

  it("lists the server of a gateway on the port that its Service offers", () => {
    const gateways = [{ ...ingress, ports: { http2: 8000 } }];
    const [gateway] = compile({ traffic: { services: [offered] } }, { gateways });
    const { servers } = gateway?.spec as { servers: { port: unknown }[] };
    assert.deepEqual(servers[0]?.port, { number: 8000, name: "http", protocol: "HTTP" });
  });

  it("keeps names of workloads apart from names it makes", () => {
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

describe("sidecar compiler refuses", () => {
  it("every name that is not there, all at once, with its path and what is there", () => {
    const problems = refusal(
      {
        traffic: {
          services: [
            { host: "cart", http: [{}] },
            { ...offered, http: [{ route: { v9: 100 }, mirror: { subset: "v8" } }] },
            { host: "reviews", subsets: ["v4"], http: [{ match: [{ sourceWorkload: "robot" }] }] },
          ],
        },
        security: {
          authorization: { allow: [{ to: "cart", from: ["frnt", "ingress"] }] },
          peerAuthentication: [{ namespace: "shop", workload: "cart", mode: "DISABLE", reason: "not in the mesh yet" }],
        },
      },
      { gateways: [] },
    );
    assert.deepEqual(problems, [
      "traffic.services[0].host: found cart, which is no workload of namespace shop (front, ratings, reviews)",
      "traffic.services[1].http[0].route: found v9, which is no subset of front (none); add it to subsets",
      "traffic.services[1].http[0].mirror.subset: found v8, which is no subset of front (none); add it to subsets",
      "traffic.services[1].gateways: found ingress, which is no gateway (none)",
      "traffic.services[2].subsets[0]: found v4; no pod of reviews has this version (v1, v2, v3)",
      "traffic.services[2].http[0].match[0].sourceWorkload: found robot, which is no workload of namespace shop (front, ratings, reviews)",
      "security.authorization.allow[0].to: found cart, which is no workload of namespace shop (front, ratings, reviews)",
      "security.authorization.allow[0].from[0]: found frnt, no workload of namespace shop (front, ratings, reviews) and no gateway (none)",
      "security.authorization.allow[0].from[1]: found ingress, no workload of namespace shop (front, ratings, reviews) and no gateway (none)",
      "security.peerAuthentication[0].workload: found cart, which is no workload of namespace shop (front, ratings, reviews)",
    ]);
  });

  const refusals: Readonly<Record<string, [PolicyWords, Partial<PolicyModel>, string]>> = {
    "a service on a gateway without names": [
      { traffic: { services: [{ ...offered, hosts: [] }] } },
      {},
      "traffic.services[0].hosts: expected at least one name under which the gateway offers the service",
    ],
    "a service on a gateway without rules, which would admit nothing": [
      { traffic: { services: [{ ...offered, http: [] }] } },
      {},
      "traffic.services[0].http: expected at least one rule: a gateway admits only what a rule names",
    ],
    "names without a gateway": [
      { traffic: { services: [{ host: "front", hosts: ["shop.example.com"] }] } },
      {},
      "traffic.services[0].hosts: are names on a gateway, and none is named; add gateways: [ingress]",
    ],
    "a gateway without a port for HTTP": [
      { traffic: { services: [offered] } },
      { gateways: [{ ...ingress, ports: { https: 443 } }] },
      "traffic.services[0].gateways: gateway ingress has no port http2 to offer front on",
    ],
    "one name for two services": [
      { traffic: { services: [offered, { ...offered, host: "ratings" }] } },
      {},
      "traffic.services: host shop.example.com of gateway ingress is offered by shop/front and by shop/ratings; give each its own host",
    ],
    "two lists of rules for callers in the mesh": [
      {
        traffic: {
          services: [
            { host: "front", http: [{}] },
            { host: "front", http: [{ timeout: "1s" }] },
          ],
        },
      },
      {},
      "traffic.services[1].http: traffic.services[0].http already has rules for callers in the mesh; join the two lists",
    ],
    "a source workload at a gateway": [
      { traffic: { services: [{ ...offered, http: [{ match: [{ sourceWorkload: "front" }] }] }] } },
      {},
      "traffic.services[0].http[0].match[0].sourceWorkload: a gateway does not know which workload asks; use it in an entry without gateways",
    ],
    "conditions of retries that are off": [
      { traffic: { services: [{ host: "front", http: [{ retries: { attempts: 0, retryOn: "5xx" } }] }] } },
      {},
      "traffic.services[0].http[0].retries: attempts: 0 means no retries; remove retryOn",
    ],
    "a fault beside a redirect": [
      {
        traffic: {
          services: [
            {
              host: "front",
              http: [{ redirect: { uri: "/" }, fault: { abort: { httpStatus: 500, percentage: 1 } } }],
            },
          ],
        },
      },
      {},
      "traffic.services[0].http[0].fault: cannot stand beside redirect, which asks no service; remove one of them",
    ],
    "a rule for one of two workloads that nobody can tell apart": [
      { security: { authorization: { allow: [{ to: "ratings", from: ["a"] }] } } },
      { workloads: [workload("ratings"), workload("a"), { ...workload("b"), serviceAccount: "a-account" }] },
      "security.authorization.allow[0].from: a runs as service account a-account, and so does b: the rule would hold for all; name all, or give each its own service account",
    ],
    "a name that is a workload and a gateway": [
      { security: { authorization: { allow: [{ to: "front", from: ["ingress"] }] } } },
      { workloads: [workload("front"), workload("ingress")] },
      "security.authorization.allow[0].from[0]: found ingress, a workload and a gateway; write shop/ingress, or rename one",
    ],
    "an exception from mTLS in the root namespace": [
      { security: { peerAuthentication: [{ namespace: "istio-system", mode: "DISABLE", reason: "just for a test" }] } },
      {},
      "security.peerAuthentication[0].namespace: istio-system stands for the whole mesh; set talos-mesh:mesh.mtls instead",
    ],
    "what it cannot compile yet, by name": [
      { security: { jwt: [{ workload: "front", issuer: "https://issuer.example.com" }] } },
      {},
      "security.jwt: is not built yet; remove it",
    ],
    "a condition it cannot compile yet, so that the rule does not hold for more": [
      { security: { authorization: { allow: [{ to: "front", fromNamespaces: ["other"] }] } } },
      {},
      "security.authorization.allow[0].fromNamespaces: is not built yet; remove the rule",
    ],
  };

  for (const [what, [words, places, expected]] of Object.entries(refusals)) {
    it(what, () => assert.deepEqual(refusal(words, places), [expected]));
  }

  it("with one message that names every path as the stack file has it", () => {
    assert.throws(() => compile({ traffic: { services: [{ host: "cart" }] } }), {
      name: "PolicyError",
      message:
        "1 problem in the policies:\n" +
        "  talos-mesh:traffic.services[0].host: found cart, which is no workload of namespace shop (front, ratings, reviews)",
    });
  });
});

describe("the check against the CRDs", () => {
  const schemas = new CrdSchemas();
  const [object] = compile({ traffic: { services: [{ host: "reviews", http: [{ timeout: "1s" }] }] } }).slice(-1);
  assert.ok(object);
  const http = { route: [{ destination: { host: "reviews" } }] };
  const withHttp = (fields: object) => ({ ...object, spec: { hosts: ["reviews"], http: [{ ...http, ...fields }] } });

  it("takes what the compiler makes", () => {
    assert.deepEqual(schemas.problems(object), []);
    assert.deepEqual(schemas.problems(withHttp({ match: [{ headers: { any: { exact: "name" } } }] })), []);
  });

  const wrong: Readonly<Record<string, [KubernetesObject, RegExp]>> = {
    "a misspelt field deep inside": [withHttp({ retries: { attempts: 1, perTryTimout: "1s" } }), /perTryTimout/],
    "a percentage beside its fault": [
      withHttp({ fault: { abort: { httpStatus: 500 }, percentage: {} } }),
      /percentage/,
    ],
    "two ways to match one string": [withHttp({ match: [{ uri: { exact: "/", prefix: "/" } }] }), /oneOf|exactly one/],
    "a number where text belongs": [withHttp({ timeout: 1 }), /must be string/],
    "a field beside the spec": [{ ...object, sepc: {} } as KubernetesObject, /sepc/],
    "an object without its namespace": [{ ...object, metadata: { name: "reviews" } }, /namespace/],
    "a name that the API server refuses": [{ ...object, metadata: { name: "A_b", namespace: "shop" } }, /pattern/],
    "a kind that no CRD defines": [{ ...object, kind: "VirtualServer" }, /no CRD serves/],
  };
  for (const [what, [candidate, expected]] of Object.entries(wrong)) {
    it(`refuses ${what}`, () => assert.match(schemas.problems(candidate).join("\n"), expected));
  }
});
