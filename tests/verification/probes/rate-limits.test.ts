import assert from "node:assert/strict";
import { rateLimits } from "../../../components/verification/probes/rate-limits";
import { shopModel } from "../../support/policy-models";
import { linesFor, type RateLimits } from "./plans";

const limits = (...rateLimits: RateLimits) => ({ traffic: { rateLimits } });
const bucket = (maxTokens: number, fillInterval: string) => ({ maxTokens, fillInterval });

describe("the probes of rate limits", () => {
  it("send more requests than the buckets of all pods have tokens", () => {
    const lines = linesFor(
      rateLimits,
      shopModel(
        limits({
          workload: "reviews",
          tokenBucket: bucket(10, "60s"),
          descriptors: [{ name: "admin", match: { uri: { prefix: "/admin" } }, tokenBucket: bucket(1, "1s") }],
        }),
      ),
    );
    assert.deepEqual(lines, [
      "rate-limits reviews [0] [alone, disturbs]: 10 requests at once pass a proxy, and 10 every 60s; others get 429",
      "  effect n=136 front GET / -> >=0 passed {answers=[application,rule]}, >=1 429 {answers=[rate limited] status=[429]}",
      "rate-limits reviews [0] descriptor 0 [alone, disturbs]: 1 requests at once pass a proxy, and 1 every 1s; others get 429",
      "  effect n=14 front GET /admin -> >=0 passed {answers=[application,rule]}, >=1 429 {answers=[rate limited] status=[429]}",
    ]);
  });

  it("say that buckets are filled too fast, or are too large", () => {
    const lines = linesFor(
      rateLimits,
      shopModel(
        limits(
          { workload: "front", tokenBucket: bucket(100, "1s") },
          { workload: "ratings", tokenBucket: bucket(10000, "60s") },
        ),
      ),
    );
    assert.deepEqual(lines, [
      "rate-limits front [0]: 100 requests at once pass a proxy, and 100 every 1s; others get 429",
      "  not measurable: 3 proxies pass 300 requests a second, and verification.requestsPerSecond is 300",
      "rate-limits ratings [1]: 10000 requests at once pass a proxy, and 10000 every 60s; others get 429",
      "  not measurable: 3 proxies pass 500 requests a second, and verification.requestsPerSecond is 300",
    ]);
  });

  it("find the route of a gateway by its name", () => {
    const lines = linesFor(
      rateLimits,
      shopModel({
        traffic: {
          services: [
            {
              host: "front",
              gateways: ["ingress"],
              hosts: ["shop.example.com"],
              http: [{ match: [{ uri: { prefix: "/a" } }] }, { name: "login", match: [{ uri: { exact: "/login" } }] }],
            },
          ],
          rateLimits: [{ workload: "ingress", route: "login", tokenBucket: bucket(5, "30s") }],
        },
      }),
    );
    assert.deepEqual(lines, [
      "rate-limits gateway ingress [0] route login [alone, disturbs]: 5 requests at once pass a proxy, and 5 every 30s; others get 429",
      "  effect n=23 outside GET shop.example.com/login -> >=0 passed {answers=[application,rule]}, >=1 429 {answers=[rate limited] status=[429]}",
    ]);
  });

  it("say that the limits of a service that counts are not known", () => {
    const lines = linesFor(
      rateLimits,
      shopModel({
        traffic: {
          rateLimitService: { service: "limits.shop.svc.cluster.local", domain: "shop" },
          rateLimits: [{ workload: "reviews", actions: [{ remoteAddress: {} }] }],
        },
      }),
    );
    assert.deepEqual(lines, [
      "rate-limits reviews [0]: 429 above the limits of rateLimitService",
      "  not measurable: its limits are those of the service that counts, which the settings do not have",
    ]);
  });
});
