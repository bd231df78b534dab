import assert from "node:assert/strict";
import { weights } from "../../../components/verification/probes/weights";
import { ambientShop, shopModel, workload } from "../../support/policy-models";
import { linesFor, type Rules } from "./plans";

const reviews = (http: Rules, more: object = {}) => ({ traffic: { services: [{ host: "reviews", http, ...more }] } });

describe("the probes of weights", () => {
  it("expect the shares of versions, without those of weight 0", () => {
    const lines = linesFor(weights, shopModel(reviews([{ route: { v1: 20, v2: 80, v3: 0 } }])));
    assert.deepEqual(lines, [
      "weights reviews http[0]: 20% reviews v1, 80% reviews v2",
      "  effect front GET / -> 20% reviews v1 {answers=[application] workload=shop/reviews version=v1}, 80% reviews v2 {answers=[application] workload=shop/reviews version=v2}",
    ]);
  });

  it("send requests that match, and one that does not", () => {
    const lines = linesFor(
      weights,
      shopModel(reviews([{ match: [{ uri: { prefix: "/new" } }], route: { v1: 50, v2: 50 } }, { route: { v3: 100 } }])),
    );
    assert.deepEqual(lines, [
      "weights reviews http[0]: path /new: 50% reviews v1, 50% reviews v2",
      "  effect front GET /new -> 50% reviews v1 {answers=[application] workload=shop/reviews version=v1}, 50% reviews v2 {answers=[application] workload=shop/reviews version=v2}",
      "  control front GET / -> reviews v3 {answers=[application] workload=shop/reviews version=v3}",
    ]);
  });

  it("count injected aborts as a part", () => {
    const lines = linesFor(
      weights,
      shopModel(
        reviews([
          {
            route: { v1: 50, v2: 50 },
            fault: { abort: { httpStatus: 500, percentage: 20 }, delay: { fixedDelay: "5s", percentage: 1 } },
          },
        ]),
      ),
    );
    assert.deepEqual(lines, [
      "weights reviews http[0]: 40% reviews v1, 40% reviews v2, 20% an injected 500",
      "  effect front GET / within 15 s -> 40% reviews v1 {answers=[application] workload=shop/reviews version=v1}, 40% reviews v2 {answers=[application] workload=shop/reviews version=v2}, 20% an injected 500 {answers=[fault] status=[500]}",
    ]);
  });

  it("know other services", () => {
    const lines = linesFor(
      weights,
      shopModel(
        reviews([
          {
            route: [
              { host: "ratings", weight: 30 },
              { subset: "v1", weight: 70 },
            ],
          },
        ]),
      ),
    );
    assert.deepEqual(lines, [
      "weights reviews http[0]: 30% ratings, 70% reviews v1",
      "  effect front GET / -> 30% ratings {answers=[application] workload=shop/ratings}, 70% reviews v1 {answers=[application] workload=shop/reviews version=v1}",
    ]);
  });

  it("say that subsets by other labels are not distinguished", () => {
    const lines = linesFor(
      weights,
      shopModel(
        reviews([{ route: { a: 50, b: 50 } }], {
          subsets: [
            { name: "a", labels: { track: "a" } },
            { name: "b", labels: { track: "b" } },
          ],
        }),
      ),
    );
    assert.deepEqual(lines, [
      "weights reviews http[0]: 50% reviews, 50% reviews",
      "  not measurable: by their label `version` alone, the pods of its destinations are not distinguished",
    ]);
  });

  it("measure a split at a gateway from outside", () => {
    const lines = linesFor(
      weights,
      shopModel(reviews([{ route: { v1: 10, v3: 90 } }], { gateways: ["ingress"], hosts: ["shop.example.com"] })),
    );
    assert.deepEqual(lines, [
      "weights reviews at ingress shop.example.com http[0]: 10% reviews v1, 90% reviews v3",
      "  effect outside GET shop.example.com/ -> 10% reviews v1 {answers=[application] workload=shop/reviews version=v1}, 90% reviews v3 {answers=[application] workload=shop/reviews version=v3}",
    ]);
  });

  it("measure a split at a waypoint", () => {
    const lines = linesFor(weights, ambientShop(reviews([{ route: { v1: 10, v3: 90 } }])));
    assert.deepEqual(lines, [
      "weights reviews http[0]: 10% reviews v1, 90% reviews v3",
      "  effect front GET / -> 10% reviews v1 {answers=[application] workload=shop/reviews version=v1}, 90% reviews v3 {answers=[application] workload=shop/reviews version=v3}",
    ]);
  });

  it("say that a connection has no record", () => {
    const lines = linesFor(
      weights,
      shopModel(
        { traffic: { services: [{ host: "db", tcp: [{ route: { v1: 10, v2: 90 } }] }] } },
        { workloads: [{ ...workload("db", ["v1", "v2"]), ports: [{ port: 3306, protocol: "tcp" }] }] },
      ),
    );
    assert.deepEqual(lines, [
      "weights db tcp[0]: connections by the rule",
      "  not measurable: a connection carries no header by which proxies record which pod it went to; its bytes are the application's own",
    ]);
  });
});
