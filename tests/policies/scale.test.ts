import assert from "node:assert/strict";
import { compilePolicies } from "../../policies/compile";
import { ingress, modelOf, refusals, shopSources, type ShopSources, workload } from "../support/policy-models";

/** A mesh in which every service has five rules for routes, is offered on the gateway, and may ask the next one. */
function bigShop(services: number): ShopSources {
  const names = Array.from({ length: services }, (_, index) => `service-${index}`);
  const versions = ["v1", "v2"];
  const match = (index: number) => [{ uri: { prefix: `/part-${index}/` } }];
  const http = [0, 1, 2, 3].map((index) => ({ match: match(index), route: { v1: 25, v2: 75 } }));
  return shopSources(
    {
      traffic: {
        services: names.flatMap((host) => [
          { host, subsets: versions, http: [...http, { route: { v1: 100 } }] },
          { host, gateways: ["ingress" as const], hosts: [`${host}.example.com`], http: [{ timeout: "1s" }] },
        ]),
      },
      security: {
        authorization: {
          default: "deny",
          allow: names.map((to, index) => ({ to, from: [names[(index + 1) % services] ?? to], methods: ["GET"] })),
        },
      },
    },
    { workloads: names.map((name) => workload(name, versions)), gateways: [ingress] },
  );
}

/**
 * Milliseconds of processor time of the cheapest of several runs. Not of the clock: other work on the machine would
 * count too.
 */
function cheapest(sources: ShopSources, runs: number): number {
  const times = Array.from({ length: runs }, () => {
    const start = process.cpuUsage();
    assert.deepEqual(refusals(sources), []);
    compilePolicies(modelOf(sources));
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}

describe("the sidecar compiler on a big mesh", () => {
  it("compiles 1,000 services with 5,000 rules in under 2 s", () => {
    const sources = bigShop(1000);
    const rules = sources.traffic.services.filter(({ gateways }) => gateways.length === 0).flatMap(({ http }) => http);
    assert.equal(rules.length, 5000);
    const time = cheapest(sources, 3);
    assert.ok(time < 2000, `took ${time.toFixed(0)} ms`);
    assert.equal(compilePolicies(modelOf(sources)).length, 1000 * 4 + 3);
  });

  it("takes time in proportion to the number of services", () => {
    const [few, many] = [bigShop(250), bigShop(2000)];
    cheapest(few, 5); // Until the code is compiled.
    const ratio = cheapest(many, 7) / cheapest(few, 15);
    // Eight times as many; quadratic growth would be 64. Garbage collection takes the slack.
    assert.ok(ratio < 24, `2,000 services cost ${ratio.toFixed(1)} times as much as 250`);
  });
});
