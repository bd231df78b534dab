import assert from "node:assert/strict";
import { gateways } from "../../../components/verification/probes/gateways";
import type { GatewayTls } from "../../../components/shared/workload";
import { ingress, shopModel, workload } from "../../support/policy-models";
import { linesFor, type Services } from "./plans";

const front = { host: "front", gateways: ["ingress"], hosts: ["shop.example.com"] };
const exposed = (...services: Services) => ({ traffic: { services } });
const withTls = (tls: GatewayTls) => ({ gateways: [{ ...ingress, tls }] });

describe("the probes of gateways", () => {
  it("reach each host, and no other", () => {
    const lines = linesFor(
      gateways,
      shopModel(exposed(front, { ...front, host: "reviews", hosts: ["*.example.org"] })),
    );
    assert.deepEqual(lines, [
      "gateways ingress hosts: its hosts lead to their services, others nowhere: *.example.org, shop.example.com",
      "  effect outside GET shop.example.com/ at port 80 -> front {answers=[application] workload=shop/front}",
      "  effect outside GET talos-mesh-probe.example.org/ at port 80 -> reviews {answers=[application] workload=shop/reviews}",
      "  control outside GET talos-mesh-probe.invalid/ at port 80 -> 404, or no connection {answers=[no route]}",
    ]);
  });

  it("reach each path, at each host", () => {
    const lines = linesFor(
      gateways,
      shopModel(
        exposed({
          ...front,
          hosts: ["shop.example.com", "*.example.org"],
          http: [
            { match: [{ uri: { prefix: "/a" } }] },
            { match: [{ uri: { exact: "/old" } }], redirect: { uri: "/a" } },
          ],
        }),
      ),
    );
    assert.deepEqual(lines, [
      "gateways ingress hosts: its hosts lead to their services, others nowhere: *.example.org, shop.example.com",
      "  effect outside GET talos-mesh-probe.example.org/a at port 80 -> front {answers=[application] workload=shop/front}",
      "  effect outside GET shop.example.com/a at port 80 -> front {answers=[application] workload=shop/front}",
      "  control outside GET talos-mesh-probe.invalid/ at port 80 -> 404, or no connection {answers=[no route]}",
      "gateways front at ingress *.example.org http[0]: path /a: front",
      "  effect n=3 outside GET talos-mesh-probe.example.org/a -> front {answers=[application] workload=shop/front}",
      "  control n=3 outside GET talos-mesh-probe.example.org/ -> 404: no rule matches {answers=[no route] status=[404]}",
      "gateways front at ingress *.example.org http[1]: path /old: a redirect (301)",
      "  effect n=3 outside GET talos-mesh-probe.example.org/old -> a redirect (301) {answers=[rule] status=[301] headers={location:true}}",
      "  control n=3 outside GET talos-mesh-probe.example.org/ -> 404: no rule matches {answers=[no route] status=[404]}",
      "gateways front at ingress shop.example.com http[0]: path /a: front",
      "  effect n=3 outside GET shop.example.com/a -> front {answers=[application] workload=shop/front}",
      "  control n=3 outside GET shop.example.com/ -> 404: no rule matches {answers=[no route] status=[404]}",
      "gateways front at ingress shop.example.com http[1]: path /old: a redirect (301)",
      "  effect n=3 outside GET shop.example.com/old -> a redirect (301) {answers=[rule] status=[301] headers={location:true}}",
      "  control n=3 outside GET shop.example.com/ -> 404: no rule matches {answers=[no route] status=[404]}",
    ]);
  });

  it("know the services that share a host", () => {
    const lines = linesFor(
      gateways,
      shopModel(
        exposed(
          { ...front, http: [{ match: [{ uri: { prefix: "/front" } }] }] },
          { ...front, host: "reviews", http: [{ match: [{ uri: { prefix: "/reviews" } }], route: { v2: 100 } }] },
        ),
      ),
    );
    assert.deepEqual(lines, [
      "gateways ingress hosts: its hosts lead to their services, others nowhere: shop.example.com",
      "  effect outside GET shop.example.com/front at port 80 -> front {answers=[application] workload=shop/front}",
      "  control outside GET talos-mesh-probe.invalid/ at port 80 -> 404, or no connection {answers=[no route]}",
      "gateways front at ingress shop.example.com http[0]: path /front: front",
      "  effect n=3 outside GET shop.example.com/front -> front {answers=[application] workload=shop/front}",
      "  control n=3 outside GET shop.example.com/ -> 404: no rule matches {answers=[no route] status=[404]}",
      "gateways front at ingress shop.example.com reviews http[0]: path /reviews: reviews v2",
      "  effect n=3 outside GET shop.example.com/reviews -> reviews v2 {answers=[application] workload=shop/reviews version=v2}",
      "  control n=3 outside GET shop.example.com/ -> 404: no rule matches {answers=[no route] status=[404]}",
    ]);
  });

  it("have no other host where every host is exposed", () => {
    const lines = linesFor(
      gateways,
      shopModel(exposed({ ...front, hosts: ["*"], http: [{ match: [{ uri: { exact: "/" } }] }] })),
    );
    assert.deepEqual(lines, [
      "gateways front at ingress * http[0]: path /: front",
      "  effect n=3 outside GET talos-mesh-probe.test/ -> front {answers=[application] workload=shop/front}",
      "  control n=3 outside GET talos-mesh-probe.test/talos-mesh-probe -> 404: no rule matches {answers=[no route] status=[404]}",
    ]);
  });

  it("expect a redirect of plain HTTP", () => {
    const lines = linesFor(
      gateways,
      shopModel(
        exposed(front),
        withTls({ plainHttp: "redirect", servers: [{ mode: "SIMPLE", credentialNames: ["a"] }] }),
      ),
    );
    assert.deepEqual(lines, [
      "gateways ingress hosts: its hosts lead to their services, others nowhere: shop.example.com",
      "  effect https outside GET shop.example.com/ at port 443 -> front {answers=[application] workload=shop/front}",
      "  control https outside GET talos-mesh-probe.invalid/ at port 443 -> 404, or no connection {answers=[no route,reset]}",
      "gateways ingress plain HTTP: a redirect to HTTPS",
      "  effect outside GET shop.example.com/ at port 80 -> a redirect to HTTPS {answers=[rule] status=[301] headers={location:true}}",
      "gateways ingress certificate a: valid, for shop.example.com, and the certificate of Secret istio-ingress/a",
      "  effect https outside GET shop.example.com/ at port 443 -> the certificate of Secret istio-ingress/a {certificate={host:shop.example.com,secrets:[istio-ingress/a]}}",
    ]);
  });

  it("try certificates of other authorities, and the closed port of plain HTTP", () => {
    const lines = linesFor(
      gateways,
      shopModel(
        exposed(
          front,
          { ...front, host: "reviews", hosts: ["r.example.com"] },
          { ...front, host: "ratings", hosts: ["o.example.com"] },
        ),
        withTls({
          plainHttp: "closed",
          servers: [
            { hosts: ["shop.example.com"], mode: "MUTUAL", credentialNames: ["a"] },
            { hosts: ["o.example.com"], mode: "OPTIONAL_MUTUAL", credentialNames: ["b"] },
            { mode: "SIMPLE", credentialNames: ["c"] },
          ],
        }),
      ),
    );
    assert.deepEqual(lines, [
      "gateways ingress hosts: its hosts lead to their services, others nowhere: o.example.com, r.example.com, shop.example.com (not measured: a client of shop.example.com needs a certificate of the gateway's authority)",
      "  effect https outside GET r.example.com/ at port 443 -> reviews {answers=[application] workload=shop/reviews}",
      "  effect https outside GET o.example.com/ at port 443 -> ratings {answers=[application] workload=shop/ratings}",
      "  control https outside GET talos-mesh-probe.invalid/ at port 443 -> 404, or no connection {answers=[no route,reset]}",
      "gateways ingress plain HTTP: no connection",
      "  effect outside GET shop.example.com/ at port 80 -> no connection {answers=[unreachable,no answer,reset]}",
      "  control https outside GET shop.example.com/ at port 443 -> the gateway is there {answers=[application,denied,token refused,no route,rule,fault,overflow,timeout,rate limited,blocked,reset]}",
      "gateways ingress certificate a: valid, for shop.example.com, and the certificate of Secret istio-ingress/a",
      "  effect https outside GET shop.example.com/ at port 443 -> the certificate of Secret istio-ingress/a {certificate={host:shop.example.com,secrets:[istio-ingress/a]}}",
      "gateways ingress certificate c: valid, for r.example.com, and the certificate of Secret istio-ingress/c",
      "  effect https outside GET r.example.com/ at port 443 -> the certificate of Secret istio-ingress/c {certificate={host:r.example.com,secrets:[istio-ingress/c]}}",
      "gateways ingress certificate b: valid, for o.example.com, and the certificate of Secret istio-ingress/b",
      "  effect https outside GET o.example.com/ at port 443 -> the certificate of Secret istio-ingress/b {certificate={host:o.example.com,secrets:[istio-ingress/b]}}",
      "gateways ingress client certificates shop.example.com: no certificate, or one of another authority: no connection",
      "  effect https outside GET shop.example.com/ at port 443 -> no connection {answers=[reset]}",
      "  effect https outside GET shop.example.com/ at port 443 with a certificate that is self-signed -> no connection {answers=[reset]}",
      "gateways ingress client certificates o.example.com: one of another authority: no connection",
      "  effect https outside GET o.example.com/ at port 443 with a certificate that is self-signed -> no connection {answers=[reset]}",
    ]);
  });

  it("open connections that no gateway decrypts, by their names", () => {
    const lines = linesFor(
      gateways,
      shopModel(
        exposed({ ...front, tls: [{ match: [{ sniHosts: ["a.example.com"] }] }] }),
        withTls({ plainHttp: "served", servers: [{ mode: "PASSTHROUGH", credentialNames: [] }] }),
      ),
    );
    assert.deepEqual(lines, [
      "gateways ingress passthrough a.example.com: TLS ends at front",
      "  effect https outside GET a.example.com/ at port 443 -> TLS of front {answers=[application]}",
      "  control https outside GET talos-mesh-probe.invalid/ at port 443 -> no connection {answers=[reset]}",
    ]);
  });

  it("open connections to further ports", () => {
    const lines = linesFor(
      gateways,
      shopModel(exposed({ ...front, hosts: [], tcp: [{}] }), {
        workloads: [{ ...workload("front"), ports: [{ port: 3306, protocol: "tcp" }] }],
        gateways: [{ ...ingress, ports: { ...ingress.ports, mysql: 3306 } }],
      }),
    );
    assert.deepEqual(lines, [
      "gateways ingress port 3306: a connection to front",
      "  effect tcp outside GET istio-ingress/ at port 3306 -> a connection to front {answers=[application]}",
    ]);
  });

  it("say that rules of the gateway itself deny every request", () => {
    const lines = linesFor(
      gateways,
      shopModel({ ...exposed(front), security: { authorization: { deny: [{ to: "ingress" }] } } }),
    );
    assert.deepEqual(lines, [
      "gateways ingress hosts: its hosts lead to their services, others nowhere: shop.example.com",
      "  not measurable: none of the requests that were tried comes to it: outside GET /: a rule denies it: 403",
    ]);
  });

  it("measure where requests go, also where the service refuses them", () => {
    const lines = linesFor(
      gateways,
      shopModel({
        ...exposed({ ...front, http: [{ match: [{ uri: { prefix: "/a" } }] }] }),
        security: { authorization: { default: "deny" } },
      }),
    );
    assert.deepEqual(lines, [
      "gateways ingress hosts: its hosts lead to their services, others nowhere: shop.example.com",
      "  effect outside GET shop.example.com/a at port 80 -> front {answers=[application,denied,token refused] workload=shop/front}",
      "  control outside GET talos-mesh-probe.invalid/ at port 80 -> 404, or no connection {answers=[no route]}",
      "gateways front at ingress shop.example.com http[0]: path /a: front",
      "  effect n=3 outside GET shop.example.com/a -> front {answers=[application,denied,token refused] workload=shop/front}",
      "  control n=3 outside GET shop.example.com/ -> 404: no rule matches {answers=[no route] status=[404]}",
    ]);
  });
});
