import assert from "node:assert/strict";
import { timeouts } from "../../../components/verification/probes/timeouts";
import { ambientShop, shopModel } from "../../support/policy-models";
import { linesFor, type Rules } from "./plans";

const reviews = (http: Rules, edge: Rules = []) => ({
  traffic: {
    services: [
      { host: "reviews", http },
      { host: "reviews", gateways: ["ingress"], hosts: ["shop.example.com"], http: edge },
    ],
  },
});

describe("the probes of timeouts and retries", () => {
  it("say why neither is measurable where no setting slows the service down", () => {
    const lines = linesFor(
      timeouts,
      shopModel(
        reviews(
          [{ timeout: "1s", retries: { attempts: 2 }, fault: { delay: { fixedDelay: "5s", percentage: 50 } } }],
          [{ timeout: "2s" }],
        ),
      ),
    );
    assert.deepEqual(lines, [
      "timeouts reviews http[0] timeout: 504 after 1s",
      "  not measurable: no setting makes what is behind the proxy slower than 1s: a delay of the same rule comes before its timeout",
      "timeouts reviews http[0] retries: 2 more attempts where one fails",
      "  not measurable: no setting makes an attempt fail: a fault of the same rule ends a request before its first attempt",
      "timeouts reviews at ingress shop.example.com http[0] timeout: 504 after 2s",
      "  not measurable: no setting makes what is behind the proxy slower than 2s: a delay of the same rule comes before its timeout",
    ]);
  });

  it("measure a timeout of a gateway by the delay of the waypoint behind it", () => {
    const lines = linesFor(
      timeouts,
      ambientShop(
        reviews(
          [{ fault: { delay: { fixedDelay: "3s", percentage: 50 } } }],
          [{ match: [{ uri: { prefix: "/a" } }], timeout: "1s" }, { timeout: "10s" }],
        ),
      ),
    );
    assert.deepEqual(lines, [
      "timeouts reviews at ingress shop.example.com http[0] timeout [alone]: 50% are delayed by 3s and get path /a: 504 after 1s",
      "  effect outside GET shop.example.com/a -> 50% 504 after 1s {answers=[timeout] status=[504] atLeast=0.95}, else an answer in time {answers=[application,denied] atMost=1}",
      "timeouts reviews at ingress shop.example.com http[1] timeout: 504 after 10s",
      "  not measurable: no setting makes what is behind the proxy slower than 10s: a delay of the same rule comes before its timeout",
    ]);
  });
});
