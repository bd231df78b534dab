import assert from "node:assert/strict";
import fc from "fast-check";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { policyResourceName } from "../../policies/mesh-policies";
import { compilePolicies } from "../../policies/compile";
import { CrdSchemas } from "../support/crd-schema";
import {
  ingress,
  modelOf,
  refusals,
  type ShopSources,
  shopSources,
  withVersionServices,
  workload,
} from "../support/policy-models";

type Service = ShopSources["traffic"]["services"][number];
type Rule = Service["http"][number];
type Authorization = NonNullable<ShopSources["security"]["authorization"]>;

/** The same models on every run. */
const runs = { seed: 20, numRuns: 100 };
const versions = ["v1", "v2", "v3"];
const namespaces = ["one", "two"];

/** Shares in percent for some of the versions, adding up to 100. */
const weights = fc
  .tuple(
    fc.shuffledSubarray(versions, { minLength: 1 }),
    fc.integer({ min: 0, max: 100 }),
    fc.integer({ min: 0, max: 100 }),
  )
  .map(([names, a, b]) => {
    const [low, high] = [Math.min(a, b), Math.max(a, b)];
    const shares = { 1: [100], 2: [low, 100 - low], 3: [low, high - low, 100 - high] }[names.length] ?? [];
    return Object.fromEntries(names.map((name, index) => [name, shares[index] ?? 0]));
  });

const text = fc.stringMatching(/^[a-z0-9/-]{1,12}$/);
const stringMatch = fc.oneof(
  fc.record({ exact: text }),
  fc.record({ prefix: text }),
  fc.record({ regex: text.map((part) => `.*${part}`) }),
);
const percentage = fc.double({ min: 0, max: 100, noNaN: true });
const match = fc.array(
  fc.record(
    {
      uri: stringMatch,
      method: stringMatch,
      headers: fc.dictionary(text, stringMatch),
      queryParams: fc.dictionary(text, stringMatch),
    },
    { requiredKeys: [] },
  ),
  { minLength: 1, maxLength: 3 },
);

const routed: fc.Arbitrary<Rule> = fc.record(
  {
    match,
    route: weights,
    timeout: fc.constantFrom("250ms", "3s"),
    retries: fc.record({ attempts: fc.integer({ min: 1, max: 10 }), retryOn: fc.constant("5xx") }),
    fault: fc.record({ delay: fc.record({ fixedDelay: fc.constant("2s"), percentage }) }),
    mirror: fc.record({ subset: fc.constantFrom(...versions), percentage }),
    headers: fc.record({ response: fc.record({ remove: fc.array(text) }) }),
  },
  { requiredKeys: [] },
);
const answered: fc.Arbitrary<Rule> = fc.oneof(
  fc.record({ match, redirect: fc.record({ uri: text }) }),
  fc.record({ match, directResponse: fc.record({ status: fc.integer({ min: 200, max: 599 }), body: text }) }),
);
const http = fc.array(fc.oneof(routed, answered), { minLength: 1, maxLength: 4 });

/** A few workloads, entries for some of them (at the gateway, in the mesh, or both), and rules between them. */
const model: fc.Arbitrary<ShopSources> = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...namespaces), fc.stringMatching(/^[a-z]{1,3}(-[a-z]{1,2})?$/)), {
    minLength: 1,
    maxLength: 8,
    selector: ([namespace, name]) => `${namespace}/${name}`,
  })
  .map((names) => names.map(([namespace, name]) => workload(name, versions, namespace)))
  .chain((workloads) => {
    const some = fc.shuffledSubarray(workloads);
    const oneOf = fc.constantFrom(...workloads);
    const inMesh = some.chain((chosen) =>
      fc.tuple(...chosen.map(({ name, namespace }) => http.map((rules) => service(name, namespace, rules)))),
    );
    const atEdge = some.chain((chosen) =>
      fc.tuple(
        ...chosen.map(({ name, namespace }) =>
          http.map((rules): Service => {
            const hosts = [`${name}.${namespace}.example.com`];
            return { ...service(name, namespace, rules), gateways: ["ingress"], hosts };
          }),
        ),
      ),
    );
    const rules = fc.array(
      fc
        .record({ to: oneOf, from: fc.option(fc.array(oneOf, { minLength: 1, maxLength: 3 }), { nil: undefined }) })
        .map(({ to, from }) => ({
          to: to.name,
          namespace: to.namespace,
          from: from?.map(({ name, namespace }) => `${namespace}/${name}`),
        })),
      { maxLength: 8 },
    );
    const authorization: fc.Arbitrary<Authorization> = fc.record({
      default: fc.constantFrom("deny" as const, "allow" as const),
      namespaces: fc.constant({}),
      allow: rules,
      deny: rules,
      audit: fc.constant([]),
      dryRun: fc.constant(false),
      external: fc.constant([]),
    });
    return fc.record({ inMesh, atEdge, authorization }).map(({ inMesh, atEdge, authorization }) => {
      const base = shopSources({}, { workloads, gateways: [ingress] });
      return {
        ...base,
        traffic: { ...base.traffic, services: [...inMesh, ...atEdge] },
        security: { ...base.security, authorization },
      };
    });
  });

function service(host: string, namespace: string, rules: Rule[]): Service {
  return { host, namespace, gateways: [], hosts: [], subsets: versions, http: rules, tcp: [] };
}

function shuffledWith<Item>(items: readonly Item[], order: readonly number[]): Item[] {
  return items
    .map((item, index) => ({ item, rank: order[index % order.length] ?? 0 }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}

interface Weighted {
  readonly spec: { readonly http?: readonly { readonly route?: readonly { readonly weight?: number }[] }[] };
}

function totals(object: KubernetesObject): number[] {
  const routes = (object as Weighted).spec.http?.flatMap(({ route }) => (route ? [route] : [])) ?? [];
  return routes.map((route) => route.reduce((sum, { weight = 100 }) => sum + weight, 0));
}

describe("for any model, the sidecar compiler", () => {
  const schemas = new CrdSchemas();
  const holds = (check: (model: ShopSources) => void) => fc.assert(fc.property(model, check), runs);

  it("returns objects that the CRDs accept", () => {
    holds((given) => {
      for (const object of compilePolicies(modelOf(given))) assert.deepEqual(schemas.problems(object), []);
    });
  });

  it("returns weights that add up to 100", () => {
    let seen = 0;
    holds((given) => {
      for (const total of compilePolicies(modelOf(given)).flatMap(totals)) {
        assert.equal(total, 100);
        seen++;
      }
    });
    assert.ok(seen > 100, `only ${seen} routes were looked at`);
  });

  it("gives each object, and each resource, a name of its own", () => {
    holds((given) => {
      const names = compilePolicies(modelOf(given)).map(policyResourceName);
      assert.deepEqual(
        names.filter((name, index) => names.indexOf(name) !== index),
        [],
      );
    });
  });

  it("returns the same for the same model, and does not change the model", () => {
    holds((given) => {
      const before = JSON.stringify(given);
      assert.equal(
        JSON.stringify(compilePolicies(modelOf(given))),
        JSON.stringify(compilePolicies(modelOf(structuredClone(given)))),
      );
      assert.equal(JSON.stringify(given), before);
    });
  });

  it("returns the same whatever the order of services, workloads and authorization rules", () => {
    const order = fc.array(fc.double({ noNaN: true }), { minLength: 20, maxLength: 20 });
    fc.assert(
      fc.property(model, order, (given, ranks) => {
        const { authorization } = given.security;
        assert.ok(authorization);
        const reordered: ShopSources = {
          ...given,
          workloads: shuffledWith(given.workloads, ranks),
          traffic: { ...given.traffic, services: shuffledWith(given.traffic.services, ranks) },
          security: {
            ...given.security,
            authorization: {
              ...authorization,
              allow: shuffledWith(authorization.allow, ranks),
              deny: shuffledWith(authorization.deny, ranks),
            },
          },
        };
        assert.deepEqual(compilePolicies(modelOf(reordered)), compilePolicies(modelOf(given)));
      }),
      runs,
    );
  });
});

describe("for any model, in the ambient data plane", () => {
  const schemas = new CrdSchemas();

  it("the compiler returns objects that the CRDs accept, or validation refuses the model", () => {
    let compiled = 0;
    fc.assert(
      fc.property(model, fc.boolean(), (given, waypoints) => {
        const ambient: ShopSources = {
          ...given,
          workloads: given.workloads.map(withVersionServices),
          dataPlanes: Object.fromEntries(namespaces.map((namespace) => [namespace, "ambient"])),
          waypoints: waypoints ? namespaces.map((namespace) => ({ name: "waypoint", namespace, ingress: true })) : [],
        };
        if (refusals(ambient).length > 0) return;
        const objects = compilePolicies(modelOf(ambient));
        compiled++;
        for (const object of objects) assert.deepEqual(schemas.problems(object), []);
        for (const total of objects.flatMap(totals)) assert.equal(total, 100);
        const hosts = objects.flatMap(({ kind, metadata }) =>
          kind === "HTTPRoute" || kind === "VirtualService" ? [`${metadata.namespace}/${metadata.name}`] : [],
        );
        assert.equal(new Set(hosts).size, hosts.length, "a host has an HTTPRoute and a VirtualService");
      }),
      { seed: 20, numRuns: 300 },
    );
    assert.ok(compiled > 20, `only ${compiled} models compiled`);
  });
});
