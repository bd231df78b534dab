import assert from "node:assert/strict";
import { covers } from "../../components/model/gateways";
import { compilePolicies } from "../../policies/compile";
import { CrdSchemas } from "../support/crd-schema";
import { ambientShop, shopModel } from "../support/policy-models";
import { examples } from "./examples";
import { scenarios } from "./scenarios";

const schemas = new CrdSchemas();

const entry = {
  apiVersion: "networking.istio.io/v1",
  kind: "ServiceEntry",
  metadata: { name: "example", namespace: "shop" },
  spec: { hosts: ["example.net"], resolution: "DNS", ports: [{ number: 443, name: "tls", protocol: "TLS" }] },
};

describe("objects that a user wrote out", () => {
  it("are created as they are, with those of the other settings", () => {
    const objects = compilePolicies(shopModel({}, { objects: [entry] }));
    assert.deepEqual(
      objects.find(({ kind }) => kind === "ServiceEntry"),
      entry,
    );
  });

  it("are checked by the CRDs, which accept every compiled object", () => {
    const given = Object.values(scenarios).map(({ settings, overrides }) => shopModel(settings, overrides));
    const ambient = ["match", "mirror", "fault", "jwt", "audit"] as const;
    const models = [...given, ...ambient.map((name) => ambientShop(examples[name].settings))];
    const objects = models.flatMap(compilePolicies).filter(({ kind }) => kind !== "NetworkPolicy");
    for (const object of objects) assert.deepEqual(schemas.problems(object), [], object.kind);
  });

  it("have no VirtualService with a host next to a wildcard for it, which Istio refuses", () => {
    const models = [...Object.values(scenarios), ...Object.values(examples)].map(({ settings, overrides }) =>
      shopModel(settings, overrides),
    );
    const routes = models.flatMap(compilePolicies).filter(({ kind }) => kind === "VirtualService");
    const hosts = routes.map(({ spec }) => (spec as { readonly hosts: readonly string[] }).hosts);
    assert.ok(hosts.some((all) => all.includes("*.example.com")));
    assert.deepEqual(
      hosts.filter((all) => all.some((wildcard) => all.some((host) => covers(wildcard, host)))),
      [],
    );
  });

  const wrong: Readonly<Record<string, object>> = {
    "a misspelt key": { ...entry.spec, host: ["a"] },
    "a misspelt key in a list": { ...entry.spec, ports: [{ number: 443, name: "tls", protocl: "TLS" }] },
    "a value that is none of those": { ...entry.spec, resolution: "dns" },
    "a string for a number": { ...entry.spec, ports: [{ number: "443", name: "tls" }] },
    "a missing field": { resolution: "DNS" },
    "an empty list": { ...entry.spec, hosts: [] },
    "a number below the least": { ...entry.spec, ports: [{ number: -1, name: "tls" }] },
  };
  for (const [what, spec] of Object.entries(wrong)) {
    it(`are refused for ${what}`, () => {
      assert.equal(schemas.problems({ ...entry, spec }).length, 1);
    });
  }
});
