import assert from "node:assert/strict";
import { circuitBreakers } from "../../../components/verification/probes/circuit-breakers";
import { shopModel } from "../../support/policy-models";
import { linesFor, type TrafficPolicy } from "./plans";

const reviews = (trafficPolicy: TrafficPolicy, more: object = {}) => ({
  traffic: { services: [{ host: "reviews", trafficPolicy, ...more }] },
});
const pool = (maxConnections: number, http1MaxPendingRequests: number) => ({
  connectionPool: { tcp: { maxConnections }, http: { http1MaxPendingRequests } },
});

describe("the probes of circuit breakers", () => {
  it("send one request at a time, and more than the limits let through", () => {
    const lines = linesFor(circuitBreakers, shopModel(reviews(pool(1, 1))));
    assert.deepEqual(lines, [
      "circuit-breakers reviews connectionPool [alone, disturbs]: one request at a time passes; of more than 2 at the same time, some get 503",
      "  control n=20 c=1 front GET / -> passed {answers=[application]}",
      "  effect n=200 c=8 front GET / -> >=1 passed {answers=[application]}, >=1 503: too many {answers=[overflow] status=[503]}",
    ]);
  });

  it("know limits of subsets and of ports", () => {
    const lines = linesFor(
      circuitBreakers,
      shopModel(
        reviews(
          { portLevelSettings: [{ port: { number: 9080 }, ...pool(2, 1) }] },
          {
            subsets: [
              {
                name: "v2",
                labels: { version: "v2" },
                trafficPolicy: { connectionPool: { http: { http2MaxRequests: 1 } } },
              },
              { name: "v3", labels: { version: "v3" }, trafficPolicy: pool(1, 1) },
            ],
            http: [{ match: [{ uri: { prefix: "/two" } }], route: { v2: 100 } }, { route: { v1: 50, v3: 50 } }],
          },
        ),
      ),
    );
    assert.deepEqual(lines, [
      "circuit-breakers reviews port 9080 connectionPool: one request at a time passes; of more than 3 at the same time, some get 503",
      "  not measurable: every rule leads to subsets with limits of their own",
      "circuit-breakers reviews v2 connectionPool [alone, disturbs]: one request at a time passes; of more than 1 at the same time, some get 503",
      "  control n=20 c=1 front GET /two -> passed to v2 {answers=[application]}",
      "  effect n=100 c=4 front GET /two -> >=1 passed to v2 {answers=[application]}, >=1 503: too many {answers=[overflow] status=[503]}",
      "circuit-breakers reviews v3 connectionPool: one request at a time passes; of more than 2 at the same time, some get 503",
      "  not measurable: no rule leads to subset v3 alone",
    ]);
  });

  it("say which limits refuse nothing, and which need more requests than a client sends", () => {
    const lines = linesFor(
      circuitBreakers,
      shopModel({
        traffic: {
          services: [
            { host: "reviews", trafficPolicy: { connectionPool: { tcp: { maxConnections: 10 } } } },
            { host: "ratings", trafficPolicy: pool(100, 100) },
            {
              host: "front",
              trafficPolicy: {
                connectionPool: { http: { http1MaxPendingRequests: 1 } },
                outlierDetection: { consecutive5xxErrors: 3 },
              },
            },
          ],
        },
      }),
    );
    assert.deepEqual(lines, [
      "circuit-breakers reviews connectionPool: 503 above its limits",
      "  not measurable: over HTTP/1.1 requests wait for one of the 10 connections, as many as there are; set http1MaxPendingRequests",
      "circuit-breakers ratings connectionPool: one request at a time passes; of more than 200 at the same time, some get 503",
      "  not measurable: it takes 800 requests at the same time, and a client sends at most 200",
      "circuit-breakers front connectionPool: 503 above its limits",
      "  not measurable: none of its limits refuses a request for certain: without maxConnections each request may have a connection of its own",
      "circuit-breakers front outlierDetection: pods that fail get no requests",
      "  not measurable: no setting makes a pod fail, and a fault is injected before a pod is chosen",
    ]);
  });

  it("go through a gateway where no client in the mesh may", () => {
    const lines = linesFor(
      circuitBreakers,
      shopModel({
        traffic: {
          services: [
            {
              host: "front",
              gateways: ["ingress"],
              hosts: ["shop.example.com"],
              http: [{ match: [{ uri: { prefix: "/a" } }] }],
              trafficPolicy: pool(1, 1),
            },
          ],
        },
        security: { authorization: { default: "deny", allow: [{ to: "front", from: ["ingress"], paths: ["/a/*"] }] } },
      }),
    );
    assert.deepEqual(lines, [
      "circuit-breakers front connectionPool [alone, disturbs]: one request at a time passes; of more than 2 at the same time, some get 503",
      "  control n=20 c=1 outside GET shop.example.com/a/0 -> passed {answers=[application]}",
      "  effect n=200 c=8 outside GET shop.example.com/a/0 -> >=1 passed {answers=[application]}, >=1 503: too many {answers=[overflow] status=[503]}",
    ]);
  });
});
