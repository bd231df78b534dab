import assert from "node:assert/strict";
import type { PolicyModel } from "../../components/model/policies/policy-model";
import { compilePolicies } from "../../policies/compile";
import {
  ambientShop,
  ambientSources,
  type PolicySettings,
  refusals,
  shop,
  shopModel,
  withVersionServices,
} from "../support/policy-models";

type Traffic = NonNullable<PolicySettings["traffic"]>;

const versioned = shop.map(withVersionServices);

function objects(traffic: Traffic, model: (settings: PolicySettings) => PolicyModel = shopModel) {
  return compilePolicies(model({ traffic }));
}

function subsets(traffic: Traffic): Record<string, unknown> {
  const rules = objects(traffic).filter(({ kind }) => kind === "DestinationRule");
  return Object.fromEntries(
    rules.map(({ metadata, spec }) => [metadata.name, (spec as { subsets?: { name: string }[] }).subsets]),
  );
}

const version = (name: string) => ({ name, labels: { version: name } });

describe("versions that rules lead to", () => {
  const http = [{ match: [{ uri: { prefix: "/a" } }], mirror: { subset: "v1" } }, { route: { v3: 10, v2: 90 } }];

  for (const [where, model] of [
    ["at sidecars", shopModel],
    ["at waypoints", (settings: PolicySettings) => ambientShop(settings, { workloads: versioned })],
  ] as const) {
    it(`become the same objects as with their names in subsets, ${where}`, () => {
      const given = objects({ services: [{ host: "reviews", subsets: ["v1", "v2", "v3"], http }] }, model);
      assert.deepEqual(objects({ services: [{ host: "reviews", http }] }, model), given);
    });
  }

  it("are subsets of a service without an entry, which has no routes of its own", () => {
    const services = [{ host: "front", http: [{ route: [{ host: "reviews", subset: "v2" }] }] }];
    assert.deepEqual(subsets({ services }), { reviews: [version("v1"), version("v2"), version("v3")] });
    const routes = objects({ services }).filter(({ kind }) => kind === "VirtualService");
    assert.deepEqual(
      routes.map(({ metadata }) => metadata.name),
      ["front"],
    );
  });

  it("are those of TCP and TLS, of a gateway, and of hosts outside the mesh", () => {
    const outside = { hosts: ["api.example.com"], ports: [{ number: 80, protocol: "HTTP" as const }] };
    const found = subsets({
      services: [
        { host: "ratings", http: [{ mirrors: [{ host: "reviews", subset: "v1" }] }] },
        {
          ...{ host: "front", gateways: ["ingress"], hosts: ["shop.example.com"] },
          http: [
            {
              route: [
                { subset: "v1", weight: 50 },
                { host: "ratings", weight: 50 },
              ],
            },
          ],
        },
      ],
      externalServices: [{ ...outside, http: [{ mirror: { host: "reviews", namespace: "shop", subset: "v3" } }] }],
    });
    assert.deepEqual(found, { front: [version("v1")], reviews: [version("v1"), version("v2"), version("v3")] });
  });

  it("keep the labels that subsets give them, and what subsets has besides", () => {
    const own = [{ name: "v2", labels: { version: "v2", track: "canary" } }, "v3"];
    assert.deepEqual(
      subsets({ services: [{ host: "reviews", subsets: own, http: [{ route: { v1: 50, v2: 50 } }] }] }),
      {
        reviews: [own[0], version("v3"), version("v1")],
      },
    );
  });

  it("need a Service of their own at a waypoint", () => {
    const services = [{ host: "reviews", http: [{ route: { v2: 100 } }] }];
    const workloads = shop.map((one) => ({ ...one, versionServices: undefined }));
    const problems = refusals(ambientSources({ traffic: { services } }, { workloads }));
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? "", /^traffic\.services\[0\]\.http\[0\]\.route: v2 has no Service of its own/);
  });
});
