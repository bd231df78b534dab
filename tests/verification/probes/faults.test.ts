import assert from "node:assert/strict";
import { faults } from "../../../components/verification/probes/faults";
import { ambientShop, shopModel } from "../../support/policy-models";
import { linesFor, type Rules } from "./plans";

const reviews = (http: Rules, more: object = {}) => ({ traffic: { services: [{ host: "reviews", http, ...more }] } });

describe("the probes of faults", () => {
  it("measure aborts and delays by themselves, and that other requests have none", () => {
    const lines = linesFor(
      faults,
      shopModel(
        reviews([
          {
            match: [{ headers: { "x-test": { exact: "1" } } }],
            fault: { abort: { httpStatus: 503, percentage: 25 }, delay: { fixedDelay: "3s", percentage: 50 } },
          },
          {},
        ]),
      ),
    );
    assert.deepEqual(lines, [
      "faults reviews http[0] abort [alone, disturbs]: x-test: 1: 25% an injected 503",
      "  effect front GET / (x-test: 1) within 13 s -> 25% an injected 503 {answers=[fault] status=[503]}, else no fault {answers=[application]}",
      "  control n=49 front GET / within 13 s -> no fault {answers=[application]}",
      "faults reviews http[0] delay [alone, disturbs]: x-test: 1: 50% delayed by 3s",
      "  effect front GET / (x-test: 1) within 13 s -> 50% after 3s {answers=[application,fault] atLeast=2.85}, else at once {answers=[application,fault] atMost=2.85}",
      "  control n=20 front GET / within 13 s -> at once {answers=[application] atMost=2.85}",
    ]);
  });

  it("expect every request or none at 100 and 0 percent, and say that a short delay is not measurable", () => {
    const lines = linesFor(
      faults,
      shopModel(
        reviews([
          { match: [{ uri: { prefix: "/all" } }], fault: { abort: { httpStatus: 503, percentage: 100 } } },
          { match: [{ uri: { prefix: "/none" } }], fault: { abort: { httpStatus: 503, percentage: 0 } } },
          { fault: { delay: { fixedDelay: "100ms", percentage: 10 } } },
        ]),
      ),
    );
    assert.deepEqual(lines, [
      "faults reviews http[0] abort [alone, disturbs]: path /all: 100% an injected 503",
      "  effect front GET /all -> an injected 503 {answers=[fault] status=[503]}",
      "  control n=3 front GET / -> no fault {answers=[application]}",
      "faults reviews http[1] abort [alone, disturbs]: path /none: 0% an injected 503",
      "  effect front GET /none -> no fault {answers=[application]}",
      "  control n=3 front GET / -> no fault {answers=[application]}",
      "faults reviews http[2] delay: 10% delayed by 100ms",
      "  not measurable: a delay of less than 0.25 s is not distinguished from that of the network",
    ]);
  });

  it("know the statuses of gRPC, at waypoints", () => {
    const lines = linesFor(
      faults,
      ambientShop(reviews([{ fault: { abort: { grpcStatus: "UNAVAILABLE", percentage: 50 } } }])),
    );
    assert.deepEqual(lines, [
      "faults reviews http[0] abort [alone, disturbs]: 50% an injected UNAVAILABLE",
      "  effect front GET / -> 50% an injected UNAVAILABLE {answers=[fault]}, else no fault {answers=[application]}",
    ]);
  });

  it("measure a fault at a gateway, whatever the service behind it says", () => {
    const lines = linesFor(
      faults,
      shopModel({
        ...reviews(
          [{ match: [{ uri: { prefix: "/a" } }], fault: { abort: { httpStatus: 503, percentage: 10 } } }, {}],
          { gateways: ["ingress"], hosts: ["shop.example.com"] },
        ),
        security: { authorization: { default: "deny" } },
      }),
    );
    assert.deepEqual(lines, [
      "faults reviews at ingress shop.example.com http[0] abort [alone, disturbs]: path /a: 10% an injected 503",
      "  effect outside GET shop.example.com/a -> 10% an injected 503 {answers=[fault] status=[503]}, else no fault {answers=[application,denied,token refused]}",
      "  control n=132 outside GET shop.example.com/ -> no fault {answers=[application,denied,token refused]}",
    ]);
  });
});
