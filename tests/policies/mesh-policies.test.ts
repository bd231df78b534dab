import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import type { KubernetesObject } from "../../components/shared/kubernetes-object";
import { MeshPolicies, policyResourceName } from "../../policies/mesh-policies";
import { compileSidecar } from "../../policies/sidecar";
import { shopModel } from "../support/policy-models";
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

describe("MeshPolicies", () => {
  const { words, places } = scenarios["default-deny"] ?? assert.fail("the scenario is gone");
  const objects = compileSidecar(shopModel(words, places));

  it("registers one resource an object, named after it, with the object as it is", async () => {
    let component: MeshPolicies | undefined;
    const resources = await recorded(() => {
      component = new MeshPolicies("policies", { objects });
    });
    const placed = resources.filter(({ type }) => type !== "talos-mesh:policies:MeshPolicies" && !/pulumi:/.test(type));
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

  it("makes every object its child, which goes with the cluster", async () => {
    const seen: Seen[] = [];
    let component: MeshPolicies | undefined;
    let cluster: pulumi.ComponentResource | undefined;
    await recorded(() => {
      cluster = new pulumi.ComponentResource("test:index:Cluster", "cluster");
      component = new MeshPolicies(
        "policies",
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
    const children = seen.filter(({ name }) => name !== "policies");
    assert.equal(children.length, objects.length);
    for (const child of children) {
      assert.equal(child.parent, component, child.name);
      assert.equal(child.deletedWith, cluster, child.name);
    }
  });

  it("keeps names apart where a hyphen alone would not", () => {
    const place = (namespace: string, name: string): KubernetesObject => ({
      apiVersion: "networking.istio.io/v1",
      kind: "VirtualService",
      metadata: { namespace, name },
      spec: {},
    });
    assert.notEqual(policyResourceName(place("a-b", "c")), policyResourceName(place("a", "b-c")));
  });

  it("names an object alike whatever stands beside it", () => {
    const [first, ...others] = objects.map(policyResourceName);
    assert.deepEqual(objects.slice(1).map(policyResourceName), others);
    assert.ok(first && !others.includes(first));
  });
});
