import assert from "node:assert/strict";
import { mirrors } from "../../../components/verification/probes/mirrors";
import { ambientShop, shopModel } from "../../support/policy-models";
import { linesFor, type Rules } from "./plans";

const reviews = (http: Rules, more: object = {}) => ({ traffic: { services: [{ host: "reviews", http, ...more }] } });

describe("the probes of mirrors", () => {
  it("expect a copy of each request, or of a share, and none of others", () => {
    const lines = linesFor(
      mirrors,
      shopModel(
        reviews([
          {
            match: [{ uri: { prefix: "/a" } }],
            route: { v1: 100 },
            mirrors: [
              { subset: "v3", percentage: 100 },
              { host: "ratings", percentage: 20 },
            ],
          },
          { route: { v1: 100 } },
        ]),
      ),
    );
    assert.deepEqual(lines, [
      "mirrors reviews http[0] mirrors[0] [alone]: path /a: 100% copied to reviews v3",
      "  effect front GET /a -> copied to reviews v3 {answers=[application] mirroredTo=v3}",
      "  control n=3 front GET / -> 0% copied to reviews v3 {answers=[application] mirroredTo=v3}, else not copied {answers=[application]}",
      "mirrors reviews http[0] mirrors[1] [alone]: path /a: 20% copied to ratings",
      "  effect front GET /a -> 20% copied to ratings {answers=[application] mirroredTo=shop/ratings}, else not copied {answers=[application]}",
      "  control n=62 front GET / -> 0% copied to ratings {answers=[application] mirroredTo=shop/ratings}, else not copied {answers=[application]}",
    ]);
  });

  it("expect no copy at 0 percent", () => {
    const lines = linesFor(
      mirrors,
      shopModel(reviews([{ route: { v1: 100 }, mirror: { subset: "v3", percentage: 0 } }])),
    );
    assert.deepEqual(lines, [
      "mirrors reviews http[0] mirror [alone]: 0% copied to reviews v3",
      "  effect front GET / -> 0% copied to reviews v3 {answers=[application] mirroredTo=v3}, else not copied {answers=[application]}",
    ]);
  });

  it("say that rules of the mirror refuse the copies", () => {
    const lines = linesFor(
      mirrors,
      shopModel({
        ...reviews([{ mirror: { host: "ratings" } }]),
        security: { authorization: { allow: [{ to: "ratings", from: ["reviews"] }] } },
      }),
    );
    assert.deepEqual(lines, [
      "mirrors reviews http[0] mirror: 100% copied to ratings",
      "  not measurable: rules of ratings refuse the copies",
    ]);
  });

  it("say that no proxy records copies in the ambient data plane", () => {
    const lines = linesFor(mirrors, ambientShop(reviews([{ route: { v1: 100 }, mirror: { subset: "v3" } }])));
    assert.deepEqual(lines, [
      "mirrors reviews http[0] mirror: 100% copied to reviews v3",
      "  not measurable: pods of reviews have no proxy that records copies",
    ]);
  });

  it("measure the mirror of a gateway", () => {
    const lines = linesFor(
      mirrors,
      shopModel(
        reviews([{ route: { v1: 100 }, mirror: { subset: "v2" } }], {
          gateways: ["ingress"],
          hosts: ["shop.example.com"],
        }),
      ),
    );
    assert.deepEqual(lines, [
      "mirrors reviews at ingress shop.example.com http[0] mirror [alone]: 100% copied to reviews v2",
      "  effect outside GET shop.example.com/ -> copied to reviews v2 {answers=[application] mirroredTo=v2}",
    ]);
  });
});
