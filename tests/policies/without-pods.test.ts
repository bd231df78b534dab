import assert from "node:assert/strict";
import { compilePolicies } from "../../policies/compile";
import { explain } from "../../policies/explain/explain";
import { type PolicySettings, refusals, shop, shopModel, shopSources, workload } from "../support/policy-models";

/** A Service whose endpoints are written by hand. */
const legacy = { ...workload("legacy"), labels: {} };
const overrides = { workloads: [...shop, legacy] };

const closed: PolicySettings = {
  security: { authorization: { default: "deny", allow: [{ to: "ratings", from: ["front"] }] } },
  traffic: { services: [{ host: "legacy", http: [{ timeout: "3s" }], trafficPolicy: { tls: { mode: "DISABLE" } } }] },
};

describe("a Service without selector", () => {
  it("has routes and traffic policies, also where the mesh is STRICT, and no object that would select every pod", () => {
    assert.deepEqual(refusals(shopSources(closed, overrides)), []);
    const objects = compilePolicies(shopModel(closed, { ...overrides, sidecarScoping: { proxyServices: [] } }));
    const named = objects.filter(({ metadata }) => metadata.name.startsWith("legacy")).map(({ kind }) => kind);
    assert.deepEqual(named, ["DestinationRule", "VirtualService"]);
    const everyPod = objects.filter(({ spec }) => /"(matchLabels|labels)":\{\}/.test(JSON.stringify(spec)));
    assert.deepEqual(everyPod, []);
  });

  it("is explained as what it is: plain text, which nothing authorizes", () => {
    const request = { from: "front", to: "legacy", method: "GET", path: "/", headers: {} };
    const { outcome, steps } = explain(shopModel(closed, overrides), request);
    assert.equal(outcome, "passes");
    assert.equal(steps.at(-1)?.what, "legacy has no proxy: it goes in plain text, and nothing authorizes it");
  });

  it("does not count where service accounts are compared", () => {
    const sharing = { ...legacy, serviceAccount: "front-account" };
    assert.deepEqual(refusals(shopSources(closed, { workloads: [...shop, sharing] })), []);
  });
});
