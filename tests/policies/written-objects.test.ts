import assert from "node:assert/strict";
import { ambientSources, type Overrides, refusals, shopSources } from "../support/policy-models";

type WrittenObject = NonNullable<Overrides["objects"]>[number];

function written(kind: string, spec: WrittenObject["spec"], namespace = "shop"): Overrides {
  return { objects: [{ apiVersion: "v1", kind, metadata: { name: "mine", namespace }, spec }] };
}

const ratings = { selector: { matchLabels: { app: "ratings", version: "v1" } } };
const forService = (name: string) => ({ targetRefs: [{ group: "", kind: "Service", name }] });
const withoutWaypoint = { waypoints: [] };

describe("objects that a user wrote out, for pods whose proxies do not read them", () => {
  it("are refused at ambient workloads, with what works instead", () => {
    const cases: [string, WrittenObject["spec"], RegExp][] = [
      ["WasmPlugin", ratings, /selector: selects the ambient workload ratings: .*; use targetRefs: .*name: ratings/],
      ["RequestAuthentication", ratings, /does not read a RequestAuthentication/],
      ["Telemetry", ratings, /does not read a Telemetry/],
      ["AuthorizationPolicy", { ...ratings, action: "CUSTOM" }, /does not read a AuthorizationPolicy/],
      [
        "EnvoyFilter",
        { workloadSelector: { labels: { app: "ratings" } } },
        /workloadSelector: .*set dataPlane: sidecar/,
      ],
      ["EnvoyFilter", {}, /objects\[0\].spec: selects the ambient workload front/],
    ];
    for (const [kind, spec, expected] of cases) {
      const [refusal = "", second] = refusals(ambientSources({}, written(kind, spec)));
      assert.match(refusal, expected, kind);
      assert.equal(second, undefined);
      assert.deepEqual(refusals(shopSources({}, written(kind, spec))), [], kind);
    }
  });

  it("are accepted where a proxy reads them", () => {
    const read: [string, WrittenObject["spec"]][] = [
      ["AuthorizationPolicy", { ...ratings, action: "DENY" }],
      ["PeerAuthentication", ratings],
      ["Telemetry", {}],
      ["WasmPlugin", forService("ratings")],
      ["WasmPlugin", { selector: { matchLabels: { app: "other" } } }],
    ];
    for (const [kind, spec] of read) {
      assert.deepEqual(refusals(ambientSources({}, written(kind, spec))), [], kind);
    }
    assert.deepEqual(refusals(ambientSources({}, written("EnvoyFilter", {}, "elsewhere"))), []);
  });

  it("are refused where they target a Service without a waypoint", () => {
    const found = (sources: Parameters<typeof refusals>[0]) => refusals(sources).join("\n");
    const spec = forService("ratings");
    const inAmbient = found(ambientSources({}, { ...written("WasmPlugin", spec), ...withoutWaypoint }));
    assert.match(
      inAmbient,
      /targetRefs\[0\].name: found ratings, a Service without a waypoint.*add { namespace: shop }/,
    );
    assert.match(found(shopSources({}, written("WasmPlugin", spec))), /use a selector instead/);
    assert.match(
      found(ambientSources({}, written("Telemetry", { ...ratings, ...spec }))),
      /Istio takes one of the two/,
    );
  });

  it("are refused for pods without a proxy", () => {
    const overrides = { ...written("WasmPlugin", ratings), dataPlanes: { shop: "none" as const } };
    const [refusal = ""] = refusals(shopSources({}, overrides));
    assert.match(refusal, /selects ratings, whose pods have no proxy that would read this; set dataPlane: sidecar/);
  });
});
