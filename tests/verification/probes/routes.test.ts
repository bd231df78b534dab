import assert from "node:assert/strict";
import { routes } from "../../../components/verification/probes/routes";
import { ambientShop, shopModel } from "../../support/policy-models";
import { linesFor, type Rules } from "./plans";

const reviews = (http: Rules) => ({ traffic: { services: [{ host: "reviews", http }] } });

describe("the probes of routes", () => {
  it("send a request for each alternative of a match, and one that no alternative takes", () => {
    const lines = linesFor(
      routes,
      shopModel(
        reviews([
          {
            match: [{ headers: { "end-user": { exact: "jo" } } }, { queryParams: { beta: { present: true } } }],
            route: { v2: 100 },
          },
          { route: { v1: 100 } },
        ]),
      ),
    );
    assert.deepEqual(lines, [
      "routes reviews http[0]: end-user: jo, or ?beta=true: reviews v2",
      "  effect n=3 front GET / (end-user: jo) -> reviews v2 {answers=[application] workload=shop/reviews version=v2}",
      "  effect n=3 front GET /?beta=1 -> reviews v2 {answers=[application] workload=shop/reviews version=v2}",
      "  control n=3 front GET / -> reviews v1 {answers=[application] workload=shop/reviews version=v1}",
      "routes reviews http[1]: requests that no rule before matches: reviews v1",
      "  effect n=3 front GET / -> reviews v1 {answers=[application] workload=shop/reviews version=v1}",
    ]);
  });

  it("find examples of expressions, add headers that other rules exclude, and send no POST", () => {
    const lines = linesFor(
      routes,
      shopModel(
        reviews([
          { match: [{ uri: { regex: "/v[0-9]+/.*" } }, { method: { exact: "POST" } }], route: { v3: 100 } },
          { match: [{ withoutHeaders: { "x-a": { present: true } } }], route: { v2: 100 } },
          { route: { v1: 100 } },
        ]),
      ),
    );
    assert.deepEqual(lines, [
      "routes reviews http[0]: path /v[0-9]+/.*, or method POST: reviews v3 (not measured: no request is known that it takes; only GET, HEAD, OPTIONS are sent)",
      "  effect n=3 front GET /v0/ -> reviews v3 {answers=[application] workload=shop/reviews version=v3}",
      "  control n=3 front GET / -> reviews v2 {answers=[application] workload=shop/reviews version=v2}",
      "routes reviews http[1]: without x-a: reviews v2",
      "  effect n=3 front GET / -> reviews v2 {answers=[application] workload=shop/reviews version=v2}",
      "  control n=3 front GET / (x-a: 1) -> reviews v1 {answers=[application] workload=shop/reviews version=v1}",
      "routes reviews http[2]: requests that no rule before matches: reviews v1",
      "  effect n=3 front GET / (x-a: 1) -> reviews v1 {answers=[application] workload=shop/reviews version=v1}",
    ]);
  });

  it("expect the answers of rules, and 404 where no rule matches", () => {
    const lines = linesFor(
      routes,
      shopModel(
        reviews([
          { match: [{ uri: { prefix: "/old" } }], redirect: { uri: "/new", redirectCode: 308 } },
          { match: [{ uri: { exact: "/gone" } }], directResponse: { status: 410 } },
          { match: [{ uri: { pathPrefix: "/r" } }], route: { v1: 100 } },
        ]),
      ),
    );
    assert.deepEqual(lines, [
      "routes reviews http[0]: path /old: a redirect (308)",
      "  effect n=3 front GET /old -> a redirect (308) {answers=[rule] status=[308] headers={location:true}}",
      "  control n=3 front GET / -> 404: no rule matches {answers=[no route] status=[404]}",
      "routes reviews http[1]: path /gone: its answer 410",
      "  effect n=3 front GET /gone -> its answer 410 {answers=[rule] status=[410]}",
      "  control n=3 front GET / -> 404: no rule matches {answers=[no route] status=[404]}",
      "routes reviews http[2]: path /r: reviews v1",
      "  effect n=3 front GET /r -> reviews v1 {answers=[application] workload=shop/reviews version=v1}",
      "  control n=3 front GET / -> 404: no rule matches {answers=[no route] status=[404]}",
    ]);
  });

  it("choose a client, a method and a path that rules allow", () => {
    const lines = linesFor(
      routes,
      shopModel({
        ...reviews([
          { match: [{ uri: { prefix: "/a" } }], route: { v3: 100 } },
          { match: [{ uri: { prefix: "/b" } }], route: { v2: 100 } },
          { route: { v1: 100 } },
        ]),
        security: {
          authorization: {
            default: "deny",
            allow: [
              { to: "reviews", from: ["front"], methods: ["POST"], paths: ["/a/*"] },
              {
                to: "reviews",
                from: ["ratings"],
                methods: ["GET", "HEAD"],
                paths: ["/b/{*}/x"],
                headers: { "x-key": ["k*"] },
              },
            ],
          },
        },
      }),
    );
    assert.deepEqual(lines, [
      "routes reviews http[0]: path /a",
      "  not measurable: no client of the mesh may: front GET /a: no rule allows it, and namespace shop denies by default: 403",
      "routes reviews http[1]: path /b: reviews v2",
      "  effect n=3 ratings GET /b/0/x (x-key: k) -> reviews v2 {answers=[application] workload=shop/reviews version=v2}",
      "routes reviews http[2]: requests that no rule before matches",
      "  not measurable: no client of the mesh may: front GET /: no rule allows it, and namespace shop denies by default: 403",
    ]);
  });

  it("choose clients that a match is for, and others", () => {
    const lines = linesFor(
      routes,
      shopModel(reviews([{ match: [{ sourceWorkload: "ratings" }], route: { v3: 100 } }, { route: { v1: 100 } }])),
    );
    assert.deepEqual(lines, [
      "routes reviews http[0]: sourceWorkload ratings: reviews v3",
      "  effect n=3 ratings GET / -> reviews v3 {answers=[application] workload=shop/reviews version=v3}",
      "  control n=3 front GET / -> reviews v1 {answers=[application] workload=shop/reviews version=v1}",
      "routes reviews http[1]: requests that no rule before matches: reviews v1",
      "  effect n=3 front GET / -> reviews v1 {answers=[application] workload=shop/reviews version=v1}",
    ]);
  });

  it("send as many requests as tell a rule from a split", () => {
    const lines = linesFor(
      routes,
      shopModel(
        reviews([
          { match: [{ headers: { "user-agent": { regex: ".*Mobile.*" } } }], route: { v3: 100 } },
          { route: { v1: 15, v2: 25, v3: 60 } },
        ]),
      ),
    );
    assert.deepEqual(lines, [
      "routes reviews http[0]: user-agent: .*Mobile.*: reviews v3",
      "  effect n=28 front GET / (user-agent: Mobile) -> reviews v3 {answers=[application] workload=shop/reviews version=v3}",
      "  control n=49 front GET / -> >=0 reviews v1 {answers=[application] workload=shop/reviews version=v1}, >=1 reviews v2 {answers=[application] workload=shop/reviews version=v2}, >=0 reviews v3 {answers=[application] workload=shop/reviews version=v3}",
    ]);
  });

  it("follow a rule to another service", () => {
    const lines = linesFor(
      routes,
      shopModel({
        traffic: {
          services: [
            {
              host: "front",
              http: [{ match: [{ uri: { prefix: "/r" } }], route: [{ host: "reviews", subset: "v2" }] }, {}],
            },
          ],
        },
      }),
    );
    assert.deepEqual(lines, [
      "routes front http[0]: path /r: reviews v2",
      "  effect n=3 reviews GET /r -> reviews v2 {answers=[application] workload=shop/reviews version=v2}",
      "  control n=3 reviews GET / -> front {answers=[application] workload=shop/front}",
      "routes front http[1]: requests that no rule before matches: front",
      "  effect n=3 reviews GET / -> front {answers=[application] workload=shop/front}",
    ]);
  });

  it("say that a rule makes no difference, and leave out those that only do something else", () => {
    const lines = linesFor(
      routes,
      shopModel(
        reviews([
          { match: [{ uri: { prefix: "/same" } }], route: { v1: 100 } },
          { match: [{ uri: { prefix: "/slow" } }], route: { v1: 100 }, timeout: "1s" },
          { route: { v1: 100 } },
        ]),
      ),
    );
    assert.deepEqual(lines, [
      "routes reviews http[0]: path /same",
      "  not measurable: a request that it does not match comes to the same: reviews v1",
      "routes reviews http[2]: requests that no rule before matches: reviews v1",
      "  effect n=3 front GET / -> reviews v1 {answers=[application] workload=shop/reviews version=v1}",
    ]);
  });

  it("go through waypoints in the ambient data plane", () => {
    const lines = linesFor(
      routes,
      ambientShop(
        reviews([{ match: [{ headers: { "x-v": { prefix: "b" } } }], route: { v2: 100 } }, { route: { v1: 100 } }]),
      ),
    );
    assert.deepEqual(lines, [
      "routes reviews http[0]: x-v: b: reviews v2",
      "  effect n=3 front GET / (x-v: b) -> reviews v2 {answers=[application] workload=shop/reviews version=v2}",
      "  control n=3 front GET / -> reviews v1 {answers=[application] workload=shop/reviews version=v1}",
      "routes reviews http[1]: requests that no rule before matches: reviews v1",
      "  effect n=3 front GET / -> reviews v1 {answers=[application] workload=shop/reviews version=v1}",
    ]);
  });

  it("send one request at a time to a service with a circuit breaker", () => {
    const lines = linesFor(
      routes,
      shopModel({
        traffic: {
          services: [
            {
              host: "reviews",
              http: [{ route: { v1: 100 } }],
              trafficPolicy: { connectionPool: { http: { http1MaxPendingRequests: 1 } } },
            },
          ],
        },
      }),
    );
    assert.deepEqual(lines, [
      "routes reviews http[0] [alone]: requests that no rule before matches: reviews v1",
      "  effect n=3 c=1 front GET / -> reviews v1 {answers=[application] workload=shop/reviews version=v1}",
    ]);
  });

  it("make a token with the claims of a match, where its key is known", () => {
    const lines = linesFor(
      routes,
      shopModel({
        ...reviews([
          { match: [{ headers: { "@request.auth.claims.group": { exact: "beta" } } }], route: { v2: 100 } },
          { route: { v1: 100 } },
        ]),
        security: { jwt: [{ workload: "reviews", issuer: "https://issuer.example", required: false }] },
      }),
      { tokens: [{ issuer: "https://issuer.example", signingKey: { secret: "key" } }] },
    );
    assert.deepEqual(lines, [
      "routes reviews http[0]: @request.auth.claims.group: beta: reviews v2",
      "  effect n=3 front GET / (a token of https://issuer.example) -> reviews v2 {answers=[application] workload=shop/reviews version=v2}",
      "  control n=3 front GET / -> reviews v1 {answers=[application] workload=shop/reviews version=v1}",
      "routes reviews http[1]: requests that no rule before matches: reviews v1",
      "  effect n=3 front GET / -> reviews v1 {answers=[application] workload=shop/reviews version=v1}",
    ]);
  });

  it("say that only the application sees what is sent on, and that servers outside the mesh get no such requests", () => {
    const lines = linesFor(
      routes,
      shopModel({
        traffic: {
          services: [{ host: "reviews", http: [{ rewrite: { uri: "/v2" } }] }],
          externalServices: [
            { hosts: ["api.example.com"], ports: [{ number: 80, protocol: "HTTP" }], http: [{ timeout: "1s" }] },
          ],
        },
      }),
    );
    assert.deepEqual(lines, [
      "routes reviews http[0] rewrite: another path, or another host, is sent on",
      "  not measurable: only the application sees the path and the host that a proxy sends on",
      "routes api.example.com http[0]: requests that no rule before matches",
      "  not measurable: servers outside the mesh get only the requests that prove egress",
    ]);
  });
});
