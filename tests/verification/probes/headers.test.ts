import assert from "node:assert/strict";
import { headers } from "../../../components/verification/probes/headers";
import { ambientShop, shopModel } from "../../support/policy-models";
import { linesFor, type Rules } from "./plans";

const reviews = (http: Rules, more: object = {}) => ({ traffic: { services: [{ host: "reviews", http, ...more }] } });
const exposed = { gateways: ["ingress"], hosts: ["shop.example.com"] };

describe("the probes of headers", () => {
  it("expect what is set and added, and not on other responses", () => {
    const lines = linesFor(
      headers,
      shopModel(
        reviews([
          {
            match: [{ uri: { prefix: "/a" } }],
            headers: {
              response: {
                set: { "X-Team": "red", "x-time": "%START_TIME%", "x-share": "5%%" },
                add: { "x-more": "1" },
              },
            },
          },
          {},
        ]),
      ),
    );
    assert.deepEqual(lines, [
      "headers reviews http[0] response: path /a: responses have X-Team, x-time, x-share, x-more",
      "  effect front GET /a -> reviews {answers=[application] workload=shop/reviews headers={x-more:true,x-team:red,x-time:true,x-share:5%}}",
      "  control front GET / -> reviews {answers=[application] workload=shop/reviews headers={x-more:false,x-team:false,x-time:false,x-share:false}}",
    ]);
  });

  it("expect the changes of each destination", () => {
    const lines = linesFor(
      headers,
      shopModel(
        reviews([
          {
            headers: { response: { set: { "x-all": "1" } } },
            route: [
              { subset: "v1", weight: 50, headers: { response: { set: { "x-version": "one" } } } },
              { subset: "v2", weight: 50 },
            ],
          },
        ]),
      ),
    );
    assert.deepEqual(lines, [
      "headers reviews http[0] response: responses have x-all, x-version",
      "  effect front GET / -> >=0 reviews v1 {answers=[application] workload=shop/reviews version=v1 headers={x-all:1,x-version:one}}, >=0 reviews v2 {answers=[application] workload=shop/reviews version=v2 headers={x-all:1}}",
    ]);
  });

  it("compare a response without the header of Envoy with one that did not come by the gateway", () => {
    const lines = linesFor(
      headers,
      shopModel({
        ...reviews([{ headers: { response: { remove: ["X-Envoy-Upstream-Service-Time", "x-powered-by"] } } }], exposed),
        security: { authorization: { allow: [{ to: "reviews", from: ["ingress"] }] } },
      }),
    );
    assert.deepEqual(lines, [
      "headers reviews at ingress shop.example.com http[0] response: responses have no X-Envoy-Upstream-Service-Time, no x-powered-by",
      "  effect outside GET shop.example.com/ -> reviews {answers=[application] workload=shop/reviews headers={x-envoy-upstream-service-time:false}}",
      "  control stranger GET / -> reviews, past the gateway {answers=[application,denied,token refused] headers={x-envoy-upstream-service-time:true}}",
    ]);
  });

  it("say what only the application knows", () => {
    const lines = linesFor(
      headers,
      shopModel(reviews([{ headers: { response: { remove: ["x-powered-by"] }, request: { set: { "x-a": "1" } } } }])),
    );
    assert.deepEqual(lines, [
      "headers reviews http[0] response: responses have no x-powered-by",
      "  not measurable: whether the application sends what is removed is not known",
      "headers reviews http[0] request: requests have other headers",
      "  not measurable: only the application sees the headers of a request",
    ]);
  });

  it("ask as a browser does, from an allowed origin and another", () => {
    const lines = linesFor(
      headers,
      shopModel(
        reviews(
          [
            {
              corsPolicy: {
                allowOrigins: [{ exact: "https://shop.example.com" }],
                allowMethods: ["GET", "PUT"],
                allowHeaders: ["x-a"],
                maxAge: "1h",
                allowCredentials: true,
              },
            },
          ],
          exposed,
        ),
      ),
    );
    assert.deepEqual(lines, [
      "headers reviews at ingress shop.example.com http[0] corsPolicy: browsers may send requests from https://shop.example.com, and from no other",
      "  effect outside OPTIONS shop.example.com/ (origin: https://shop.example.com, access-control-request-method: GET) -> the answer to a preflight {status=[200,204] headers={access-control-allow-origin:https://shop.example.com,access-control-allow-methods:true,access-control-allow-headers:true,access-control-max-age:true,access-control-allow-credentials:true}}",
      "  effect outside GET shop.example.com/ (origin: https://shop.example.com) -> reviews {answers=[application] workload=shop/reviews headers={access-control-allow-origin:https://shop.example.com}}",
      "  control outside GET shop.example.com/ (origin: https://talos-mesh-probe.invalid) -> reviews {answers=[application] workload=shop/reviews headers={access-control-allow-origin:false}}",
    ]);
  });

  it("ask no preflight that a waypoint would refuse, and know no origin that is not allowed", () => {
    const lines = linesFor(
      headers,
      ambientShop({
        ...reviews([{ corsPolicy: { allowOrigins: [{ regex: "https://.*" }] } }]),
        security: { authorization: { allow: [{ to: "reviews", methods: ["GET"] }] } },
      }),
    );
    assert.deepEqual(lines, [
      "headers reviews http[0] corsPolicy: browsers may send requests from https://00, and from no other",
      "  effect front GET / (origin: https://00) -> reviews {answers=[application] workload=shop/reviews headers={access-control-allow-origin:https://00}}",
    ]);
  });
});
