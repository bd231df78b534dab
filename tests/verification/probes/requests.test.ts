import assert from "node:assert/strict";
import { requests } from "../../../components/verification/probes/requests";
import { ambientShop, shopModel } from "../../support/policy-models";
import { linesFor, planOf } from "./plans";

const exposed = { traffic: { services: [{ host: "front", gateways: ["ingress"], hosts: ["*.example.com"] }] } };

describe("the probes of requests of one's own", () => {
  it("send what is declared, and expect the application or the given statuses", () => {
    const lines = linesFor(requests, shopModel(exposed), {
      requests: [
        { name: "shop", to: "ingress" },
        { name: "login", to: "ingress", host: "shop.example.com", method: "POST", path: "/login", status: [401, 403] },
        { name: "old reviews", from: "front", to: "reviews", path: "/0?x=1", headers: { "x-a": "1" }, version: "v1" },
        { name: "stranger", from: "stranger", to: "shop/ratings", port: 9080, status: [403] },
      ],
    });
    assert.deepEqual(lines, [
      "requests shop: outside GET ingress/: an answer of the application",
      "  effect outside GET / -> an answer of the application {answers=[application]}",
      "requests login: outside POST ingress/login: 401 or 403",
      "  effect outside POST /login -> 401 or 403 {status=[401,403]}",
      "requests old reviews: front GET reviews/0?x=1: an answer of the application by v1",
      "  effect front GET /0?x=1 -> an answer of the application by v1 {answers=[application] version=v1}",
      "requests stranger: stranger GET shop/ratings/: 403",
      "  effect stranger GET / -> 403 {status=[403]}",
    ]);
  });

  it("send them where they are to go", () => {
    const plan = planOf(ambientShop(exposed), {
      requests: [
        { name: "shop", to: "ingress" },
        { name: "stranger", from: "stranger", to: "reviews" },
      ],
    });
    const [shop, stranger] = requests(plan).map(({ series: [one] }) => one);
    assert.deepEqual(shop?.request.to, {
      kind: "gateway",
      namespace: "istio-ingress",
      service: "istio-ingress",
      port: 80,
      host: "talos-mesh-probe.example.com",
    });
    assert.deepEqual(stranger?.client, { kind: "stranger", dataPlane: "ambient" });
  });

  it("say which end does not exist", () => {
    const lines = linesFor(requests, shopModel({}), {
      requests: [
        { name: "a", to: "ingress" },
        { name: "b", from: "cart", to: "front" },
      ],
    });
    assert.deepEqual(
      lines.filter((line) => line.includes("not measurable")),
      [
        "  not measurable: to: ingress is neither a workload nor a gateway that serves hosts",
        "  not measurable: from: cart is neither a workload nor a gateway that serves hosts",
      ],
    );
  });
});
