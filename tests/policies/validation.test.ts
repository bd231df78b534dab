import assert from "node:assert/strict";
import fc from "fast-check";
import { setUnknown } from "../../components/shared/unknown";
import { ambientSources, refusals, shopSources, type ShopSources } from "../support/policy-models";
import { examples } from "./examples";
import { scenarios } from "./scenarios";

const reviews = { host: "reviews", subsets: ["v1", "v2"] };

/** The containers of a value, each with its keys. */
function containers(value: unknown): object[] {
  if (typeof value !== "object" || value === null) return [];
  return [value, ...Object.values(value).flatMap(containers)];
}

describe("the checks of policies", () => {
  it("report every mistake at once, whatever it is about", () => {
    const sources = ambientSources({
      traffic: { services: [{ ...reviews, http: [{ match: [{ sourceWorkload: "front" }], route: { v1: 100 } }, {}] }] },
      security: {
        authorization: { allow: [{ to: "ratings", ipBlocks: ["10.0.0.0/8"] }], dryRun: true },
        egress: { mode: "egressGateway", allow: [{ from: "front", hosts: ["a.example.com"], ports: [443] }] },
      },
    });
    assert.deepEqual(
      refusals(sources).map((problem) => problem.split(": ")[0]),
      [
        "security.egress.allow[0].from",
        "security.authorization.allow[0].ipBlocks",
        "security.authorization.dryRun",
        "traffic.services[0].http[0].match[0].sourceWorkload",
      ],
    );
  });

  it("are made for other entries where a name does not exist", () => {
    const sources = ambientSources({
      traffic: {
        services: [
          { host: "cart", http: [{}] },
          { ...reviews, http: [{ match: [{ sourceNamespace: "batch" }], timeout: "1s" }, {}] },
        ],
      },
      security: {
        authorization: {
          allow: [
            { to: "ratings", from: ["cart"] },
            { to: "ratings", ipBlocks: ["10.0.0.0/8"] },
          ],
        },
      },
    });
    assert.deepEqual(
      refusals(sources).map((problem) => problem.split(": ")[0]),
      ["security.authorization.allow[1].ipBlocks", "traffic.services[1].http[0].match[0].sourceNamespace"],
    );
  });

  it("do not guess at what could not be read", () => {
    const claims = { role: ["admin"] };
    const security = {
      jwt: [{ workload: "frnt", issuer: "https://issuer.example.com" }],
      authorization: { allow: [{ to: "front", claims }] },
    };
    assert.deepEqual(refusals(shopSources({ security })), []);
  });

  it("never fail, whatever part of the settings could not be read", () => {
    const given = [
      ...Object.values(scenarios).map(
        ({ settings, overrides }) =>
          () =>
            shopSources(settings, overrides),
      ),
      ...Object.values(examples).map(
        ({ settings, overrides }) =>
          () =>
            ambientSources(settings, overrides),
      ),
    ];
    fc.assert(
      fc.property(fc.constantFrom(...given), fc.array(fc.nat(), { minLength: 1, maxLength: 3 }), (make, positions) => {
        const { traffic, security, ...others } = make();
        const sources: ShopSources = structuredClone({ traffic, security, ...others });
        const parts = containers([sources.traffic, sources.security, sources.workloads, sources.gateways]).slice(1);
        for (const position of positions) {
          const container = parts[position % parts.length];
          const keys = Object.keys(container ?? {});
          const key = keys[position % Math.max(keys.length, 1)];
          if (container && key !== undefined) setUnknown(container, Array.isArray(container) ? Number(key) : key);
        }
        const all = refusals(make());
        // Nothing is reported that is not a problem of the whole.
        for (const problem of refusals(sources)) assert.ok(all.includes(problem), problem);
      }),
      { seed: 11, numRuns: 300 },
    );
  });
});
