import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { MeshPolicies, MeshSecurity, policyResourceName } from "../../policies/mesh-policies";
import { compilePolicies } from "../../policies/compile";
import { ambientShop, egress as egressGateway, ingress, shopModel } from "../support/policy-models";
import { scenarios } from "./scenarios";

interface Recorded {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly provider: string | undefined;
}

interface Seen {
  readonly name: string;
  readonly parent: pulumi.Resource | undefined;
  readonly deletedWith: unknown;
}

/** Runs a program under the SDK's mocks, and returns what was registered once all of it was. */
async function recorded(program: () => void): Promise<Recorded[]> {
  const resources: Recorded[] = [];
  await pulumi.runtime.setMocks({
    newResource: ({ type, name, inputs, provider }) => {
      resources.push({ type, name, inputs: inputs as Recorded["inputs"], provider });
      return { id: `${name}-id`, state: inputs as object };
    },
    call: ({ inputs }) => inputs as object,
  });
  await pulumi.runtime.runInPulumiStack(() => {
    program();
    return Promise.resolve({});
  });
  // Waits for every registration that is still under way.
  await pulumi.runtime.disconnect();
  return resources;
}

/** Aliases as plain values. */
function aliasesOf(aliases: pulumi.Input<readonly pulumi.Input<pulumi.URN | pulumi.Alias>[]> = []) {
  return new Promise((resolve) => pulumi.output(aliases).apply(resolve));
}

describe("MeshSecurity", () => {
  const { settings, overrides } = scenarios["default-deny"] ?? assert.fail("no such scenario");
  const objects = compilePolicies(shopModel(settings, overrides));

  it("lets a waypoint read client certificates before it needs them, because istiod remembers a refusal", async () => {
    const tls = { mode: "MUTUAL" as const, credentialName: "api-client" };
    const certified = compilePolicies(
      ambientShop({ traffic: { services: [{ host: "ratings", trafficPolicy: { tls } }] } }),
    );
    const resources = await recorded(() => new MeshSecurity("security", { objects: certified }));
    const name = "shop/waypoint-client-certificates";
    const role = resources.find((one) => one.name === `role-${name}`)?.inputs;
    assert.deepEqual(role?.rules, [{ apiGroups: [""], resources: ["secrets"], verbs: ["get", "list", "watch"] }]);
    const binding = resources.find((one) => one.name === `rolebinding-${name}`)?.inputs;
    assert.deepEqual(binding?.subjects, [{ kind: "ServiceAccount", name: "waypoint", namespace: "shop" }]);
  });

  it("registers one resource for each object, with its name and content", async () => {
    let component: MeshSecurity | undefined;
    const resources = await recorded(() => {
      component = new MeshSecurity("security", { objects });
    });
    const placed = resources.filter(({ type }) => type !== "talos-mesh:policies:MeshSecurity" && !/pulumi:/.test(type));
    assert.deepEqual(placed.map(({ name }) => name).sort(), [
      "authorizationpolicy-shop/allow-nothing",
      "authorizationpolicy-shop/front.allow",
      "authorizationpolicy-shop/ratings.allow",
      "authorizationpolicy-shop/ratings.deny",
      "authorizationpolicy-shop/reviews.allow",
      "peerauthentication-istio-system/default",
    ]);
    for (const object of objects) {
      const resource = placed.find(({ name }) => name === policyResourceName(object));
      assert.deepEqual(resource?.inputs, { ...object });
      assert.equal(resource?.type, `kubernetes:${object.apiVersion}:${object.kind}`);
    }
    assert.deepEqual(component?.names, objects.map(policyResourceName));
    assert.equal(component.count, objects.length);
  });

  it("is the parent of every object, each deleted with the cluster", async () => {
    const seen: Seen[] = [];
    let component: MeshSecurity | undefined;
    let cluster: pulumi.ComponentResource | undefined;
    await recorded(() => {
      cluster = new pulumi.ComponentResource("test:index:Cluster", "cluster");
      component = new MeshSecurity(
        "security",
        { objects },
        {
          deletedWith: cluster,
          transformations: [
            ({ name, opts }) => {
              seen.push({
                name,
                parent: opts.parent,
                deletedWith: "deletedWith" in opts ? opts.deletedWith : undefined,
              });
              return undefined;
            },
          ],
        },
      );
    });
    const children = seen.filter(({ name }) => name !== "security");
    assert.equal(children.length, objects.length);
    for (const child of children) {
      assert.equal(child.parent, component, child.name);
      assert.equal(child.deletedWith, cluster, child.name);
    }
  });

  it("replaces the NetworkPolicy that earlier releases called ways-out, and creates the new one first", async () => {
    const egress = { mode: "egressGateway" as const, allow: [] };
    const restricted = compilePolicies(shopModel({ security: { egress } }, { gateways: [ingress, egressGateway] }));
    const options = new Map<string, pulumi.CustomResourceOptions>();
    await recorded(() => {
      new MeshSecurity(
        "security",
        { objects: restricted },
        {
          transformations: [
            ({ name, opts }) => {
              options.set(name, opts);
              return undefined;
            },
          ],
        },
      );
    });
    const { aliases, deleteBeforeReplace } = options.get("networkpolicy-shop/egress-only") ?? assert.fail();
    // The provider deletes first only where the name stays the same.
    assert.equal(deleteBeforeReplace, undefined);
    const stack = `${pulumi.getStack()}::${pulumi.getProject()}`;
    const formerParent = `urn:pulumi:${stack}::talos-mesh:policies:MeshPolicies::policies`;
    assert.deepEqual(await aliasesOf(aliases), [
      { parent: formerParent },
      { name: "networkpolicy-shop/ways-out" },
      { name: "networkpolicy-shop/ways-out", parent: formerParent },
    ]);
    const others = options.get("peerauthentication-istio-system/default") ?? assert.fail();
    assert.deepEqual(await aliasesOf(others.aliases), [{ parent: formerParent }]);
  });

  it("gives different names to objects that a hyphen alone would not distinguish", () => {
    const place = (namespace: string, name: string): KubernetesObject => ({
      apiVersion: "networking.istio.io/v1",
      kind: "VirtualService",
      metadata: { namespace, name },
      spec: {},
    });
    assert.notEqual(policyResourceName(place("a-b", "c")), policyResourceName(place("a", "b-c")));
  });

  it("gives an object the same name whatever other objects exist", () => {
    const [first, ...others] = objects.map(policyResourceName);
    assert.deepEqual(objects.slice(1).map(policyResourceName), others);
    assert.ok(first && !others.includes(first));
  });
});

describe("MeshPolicies", () => {
  const { settings, overrides } = scenarios["circuit-breaker"] ?? assert.fail("no such scenario");
  const denied = { authorization: { default: "deny" as const } };
  const routed = [{ host: "reviews", http: [{ timeout: "1s" }] }, ...(settings.traffic?.services ?? [])];
  const objects = compilePolicies(shopModel({ traffic: { services: routed }, security: denied }, overrides));

  it("and MeshSecurity register every object once", async () => {
    let parts: readonly string[] = [];
    await recorded(() => {
      const security = new MeshSecurity("security", { objects });
      const policies = new MeshPolicies("policies", { objects });
      parts = [...security.names, ...policies.names];
    });
    assert.deepEqual([...parts].sort(), objects.map(policyResourceName).sort());
  });

  it("leaves to MeshSecurity what must exist before the applications", async () => {
    let security: readonly string[] = [];
    await recorded(() => {
      security = new MeshSecurity("security", { objects }).names;
    });
    assert.deepEqual(security, ["authorizationpolicy-shop/allow-nothing", "peerauthentication-istio-system/default"]);
  });
});
