import assert from "node:assert/strict";
import fc from "fast-check";
import { sidecarScoping } from "../../components/model/mesh-config";
import { validate } from "../../components/validation/validate";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import type { Workload } from "../../components/shared/workload";
import type { PolicyModel } from "../../components/model/policies/policy-model";
import { sidecars } from "../../policies/istio-api/sidecars";
import { CrdSchemas } from "../support/crd-schema";
import { type Overrides, type PolicySettings, shopModel, workload } from "../support/policy-models";

interface Scope {
  readonly workloadSelector: { readonly labels: { readonly app: string } };
  readonly egress: readonly { readonly hosts: readonly string[] }[];
}

type Allow = NonNullable<NonNullable<PolicySettings["security"]>["authorization"]>["allow"];

const always = [
  "default/kubernetes.default.svc.cluster.local",
  "istio-system/*",
  "kube-system/kube-dns.kube-system.svc.cluster.local",
];

function model(workloads: readonly Workload[], allow: Allow, overrides: Overrides = {}): PolicyModel {
  const security = { authorization: { default: "deny" as const, allow } };
  return shopModel({ security }, { workloads, sidecarScoping: { proxyServices: [] }, ...overrides });
}

function scopes(given: PolicyModel): Map<string, KubernetesObject<Scope>> {
  const found = sidecars(given) as unknown as KubernetesObject<Scope>[];
  return new Map(found.map((one) => [`${one.metadata.namespace}/${one.spec.workloadSelector.labels.app}`, one]));
}

/** Hosts in the configuration of a workload's proxy, without those that every proxy has. */
function reach(given: PolicyModel, workload: string): string[] {
  const scope = scopes(given).get(workload);
  assert.ok(scope, `no Sidecar for ${workload}`);
  return scope.spec.egress.flatMap(({ hosts }) => hosts).filter((host) => !always.includes(host));
}

function host({ name, namespace }: Pick<Workload, "name" | "namespace">): string {
  return `${namespace}/${name}.${namespace}.svc.cluster.local`;
}

const [front, reviews, ratings] = [workload("front"), workload("reviews"), workload("ratings")];
const shop = [front, reviews, ratings];

describe("scoping of proxies", () => {
  it("lists for each workload the services that it may call, and those that every proxy needs", () => {
    const given = model(shop, [
      { to: "reviews", from: ["front"], methods: ["GET"] },
      { to: "ratings", from: ["reviews"] },
    ]);
    const hosts = (name: string) => scopes(given).get(name)?.spec.egress[0]?.hosts;
    assert.deepEqual(hosts("shop/front"), [...always, host(reviews)].sort());
    assert.deepEqual(hosts("shop/ratings"), always);
    assert.deepEqual(
      [...scopes(given).values()].map(({ metadata }) => metadata.name),
      ["front.scope", "reviews.scope", "ratings.scope"],
    );
  });

  it("is off by default", () => {
    assert.equal(scopes(model(shop, [], { sidecarScoping: undefined })).size, 0);
  });

  it("applies rules for every client, for namespaces, and for workloads with the same service account", () => {
    const twin = { ...workload("twin"), serviceAccount: front.serviceAccount };
    const far = workload("far", [], "elsewhere");
    const allow = [
      { to: "reviews" },
      { to: "ratings", fromNamespaces: ["elsewhere"] },
      { to: "far", namespace: "elsewhere", from: ["shop/front", "shop/twin"] },
    ];
    const given = model([...shop, twin, far], allow);
    assert.deepEqual(reach(given, "shop/ratings"), [host(reviews)]);
    assert.deepEqual(reach(given, "elsewhere/far"), [host(ratings), host(reviews)]);
    assert.deepEqual(reach(given, "shop/twin"), [host(far), host(reviews)]);
  });

  it("includes a namespace that allows by default as a whole", () => {
    const security = { authorization: { default: "deny" as const, namespaces: { open: "allow" as const } } };
    const workloads = [front, workload("stock", [], "open")];
    const given = shopModel({ security }, { workloads, sidecarScoping: { proxyServices: [] } });
    assert.deepEqual(reach(given, "shop/front"), ["open/*"]);
  });

  it("has no Sidecar for workloads without a sidecar, but lists them as services", () => {
    const waypointed = workload("ambient", [], "mesh2");
    const given = model([front, waypointed], [{ to: "ambient", namespace: "mesh2", from: ["shop/front"] }], {
      dataPlanes: { shop: "sidecar", mesh2: "none" },
    });
    assert.deepEqual([...scopes(given).keys()], ["shop/front"]);
    assert.deepEqual(reach(given, "shop/front"), [host(waypointed)]);
  });

  it("lists the services that every proxy calls: trace collectors and external authorizers", () => {
    const { settings } = validate(
      {
        environment: "dev",
        cluster: { kind: "existing", name: "t", kubeconfig: { file: "./kubeconfig" } },
        mesh: { version: "1.31.1" },
        observability: { tracing: { provider: "zipkin", sampling: 1 } },
        security: {
          authorization: { default: "deny" },
          extensionProviders: [
            { name: "opa", envoyExtAuthzGrpc: { service: "opa.opa.svc.cluster.local", port: 9191 } },
          ],
        },
      },
      { secretNames: [] },
    );
    const scoping = sidecarScoping(settings);
    assert.deepEqual(scoping?.proxyServices, [
      "*/opa.opa.svc.cluster.local",
      "*/zipkin.observability.svc.cluster.local",
    ]);
    const given = model([front], [], { sidecarScoping: scoping });
    assert.deepEqual(reach(given, "shop/front"), scoping?.proxyServices);
    for (const object of scopes(given).values()) assert.deepEqual(new CrdSchemas().problems(object), []);
  });

  it("is on by default under default deny without dry run, and can be turned off", () => {
    const on = (mesh: object, authorization?: object) => {
      const raw = {
        environment: "dev",
        cluster: { kind: "embedded", name: "t" },
        mesh: { version: "1.31.1", ...mesh },
      };
      const { settings } = validate({ ...raw, security: { authorization } }, { secretNames: [] });
      return sidecarScoping(settings) !== undefined;
    };
    assert.deepEqual(
      [
        on({}, { default: "deny" }),
        on({}),
        on({}, { default: "allow" }),
        on({}, { default: "deny", dryRun: true }),
        on({ sidecarScoping: false }, { default: "deny" }),
        on({ profile: "ambient", dataPlane: "ambient" }, { default: "deny" }),
      ],
      [true, false, false, false, false, false],
    );
  });
});

describe("for any mesh, scoping", () => {
  const runs = { seed: 7, numRuns: 100 };
  const names = fc.uniqueArray(fc.tuple(fc.stringMatching(/^[a-d]{1,2}$/), fc.constantFrom("one", "two")), {
    minLength: 2,
    maxLength: 8,
    selector: ([name, namespace]) => `${namespace}/${name}`,
  });
  /** Workloads, and who may ask whom, as positions. */
  const meshes = names.chain((given) => {
    const workloads = given.map(([name, namespace]) => workload(name, [], namespace));
    const position = fc.nat({ max: workloads.length - 1 });
    return fc.record({
      workloads: fc.constant(workloads),
      edges: fc.array(fc.tuple(position, position), { maxLength: 12 }),
    });
  });
  const rules = (workloads: readonly Workload[], edges: readonly (readonly [number, number])[]): Allow =>
    edges.flatMap(([from, to]) => {
      const [caller, target] = [workloads[from], workloads[to]];
      if (!caller || !target) return [];
      return [{ to: target.name, namespace: target.namespace, from: [`${caller.namespace}/${caller.name}`] }];
    });

  it("allows every pair that a rule allows, and no other", () => {
    fc.assert(
      fc.property(meshes, ({ workloads, edges }) => {
        const given = model(workloads, rules(workloads, edges));
        workloads.forEach((caller, from) => {
          const allowed = edges
            .flatMap(([a, b]) => (a === from ? [workloads[b]] : []))
            .filter((one) => one !== undefined);
          const expected = [...new Set(allowed.map(host))].sort();
          assert.deepEqual(reach(given, `${caller.namespace}/${caller.name}`), expected);
        });
      }),
      runs,
    );
  });

  it("does not grow with services that a workload does not call", () => {
    fc.assert(
      fc.property(meshes, fc.integer({ min: 1, max: 20 }), ({ workloads, edges }, more) => {
        const before = scopes(model(workloads, rules(workloads, edges)));
        const others = Array.from({ length: more }, (_, index) =>
          workload(`other-${index}`, [], index % 2 ? "one" : "three"),
        );
        const chain = others.slice(1).map((each, index) => ({
          to: each.name,
          namespace: each.namespace,
          from: [`${others[index]?.namespace}/${others[index]?.name}`],
        }));
        const after = scopes(model([...workloads, ...others], [...(rules(workloads, edges) ?? []), ...chain]));
        for (const [name, scope] of before) assert.deepEqual(after.get(name), scope);
        assert.equal(after.size, before.size + more);
      }),
      runs,
    );
  });

  it("is the same whatever the order of rules and workloads", () => {
    fc.assert(
      fc.property(meshes, ({ workloads, edges }) => {
        const rule = rules(workloads, edges) ?? [];
        assert.deepEqual(scopes(model([...workloads].reverse(), [...rule].reverse())), scopes(model(workloads, rule)));
      }),
      runs,
    );
  });
});
