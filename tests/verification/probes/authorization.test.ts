import assert from "node:assert/strict";
import { authorization } from "../../../components/verification/probes/authorization";
import { ambientShop, type PolicySettings, shopModel, workload } from "../../support/policy-models";
import { linesFor, linesOf, planOf } from "./plans";

type Authorization = NonNullable<NonNullable<PolicySettings["security"]>["authorization"]>;

const rules = (given: Authorization): PolicySettings => ({ security: { authorization: given } });

/** The lines of the probe with a name. */
function probe(name: string, ...plan: Parameters<typeof planOf>): string[] {
  const found = authorization(planOf(...plan)).find((one) => one.name === `authorization ${name}`);
  assert.ok(
    found,
    `${name} is none of ${authorization(planOf(...plan))
      .map((one) => one.name)
      .join(", ")}`,
  );
  return linesOf(found).slice(1);
}

describe("the probes of authorization", () => {
  it("send what a rule allows, the same by others, and requests that differ in one condition", () => {
    const allow = [{ to: "ratings", from: ["front"], methods: ["GET" as const], paths: ["/ratings/*"] }];
    const denied =
      "no rule allows it, and namespace shop denies by default: 403 {answers=[denied] status=[403] policy=none}";
    assert.deepEqual(probe("shop/ratings", shopModel(rules({ default: "deny", allow }))), [
      "  effect front GET /ratings/0 to shop/ratings -> allowed {answers=[application]}",
      `  effect front HEAD /ratings/0 to shop/ratings -> ${denied}`,
      `  effect front POST /ratings/talos-mesh-probe to shop/ratings -> ${denied}`,
      `  effect front GET /talos-mesh-probe to shop/ratings -> ${denied}`,
      `  effect reviews GET /ratings/0 to shop/ratings -> ${denied}`,
      `  effect ratings GET /ratings/0 to shop/ratings -> ${denied}`,
      `  effect stranger GET /ratings/0 to shop/ratings -> ${denied}`,
      "  effect outside GET /ratings/0 to shop/ratings -> refused: plain text, and no rule allows it {answers=[reset,denied]}",
    ]);
  });

  it("show by a pod of their own that a namespace denies by default", () => {
    const model = shopModel(
      rules({ default: "deny", allow: ["front", "reviews", "ratings"].map((to) => ({ to, from: ["front"] })) }),
    );
    const what = "no rule allows it, and namespace shop denies by default";
    assert.deepEqual(probe("namespace shop default", model), [
      `  effect stranger to a pod without rules, by its service -> ${what} {answers=[denied] status=[403] policy=none}`,
    ]);
    const ambient = ambientShop(
      rules({ default: "deny", allow: [{ to: "front" }, { to: "reviews" }, { to: "ratings" }] }),
    );
    assert.deepEqual(probe("namespace shop default", ambient), [
      `  effect stranger to a pod without rules, by its address -> ${what} {answers=[denied,reset]}`,
      `  effect stranger to a pod without rules, by its service -> ${what} {answers=[denied] status=[403] policy=none}`,
    ]);
    const [, atWaypoint] = authorization(planOf(ambient)).find(({ name }) => name.endsWith("default"))?.series ?? [];
    assert.deepEqual(atWaypoint?.request.to, {
      kind: "witness",
      namespace: "shop",
      by: "service",
      waypoint: "waypoint",
    });
    assert.deepEqual(atWaypoint.refutedBy, ["reset", "unreachable"]);
    const bare = ambientShop(rules({ default: "deny", allow: [{ to: "front" }] }), { waypoints: [] });
    assert.equal(probe("namespace shop default", bare).filter((line) => line.includes("by its service")).length, 0);
  });

  it("know a DENY rule by its name, where the default would deny as well", () => {
    const model = shopModel(
      rules({
        default: "deny",
        allow: [{ to: "ratings", from: ["front"] }],
        deny: [{ to: "ratings", paths: ["/admin/*"] }],
      }),
    );
    const denied = "a rule denies it: 403 {answers=[denied] status=[403] policy=shop/ratings.deny}";
    assert.deepEqual(
      probe("shop/ratings deny", model),
      ["front", "reviews", "ratings", "stranger"].map(
        (from) => `  effect ${from} GET /admin/0 to shop/ratings -> ${denied}`,
      ),
    );
  });

  it("send DELETE only where it is denied, with a path that cannot exist", () => {
    const allow = [{ to: "ratings", from: ["front"], methods: ["GET" as const, "DELETE" as const] }];
    const exact = [{ to: "ratings", methods: ["DELETE" as const], paths: ["/everything"] }];
    const sent = (given: Authorization) =>
      authorization(planOf(shopModel(rules(given)))).flatMap(({ series }) =>
        series.flatMap(({ client, request: { method, path } }) =>
          method === "DELETE" ? [`${client.kind === "workload" ? client.name : client.kind} ${path}`] : [],
        ),
      );
    assert.deepEqual(sent({ allow }), []);
    assert.deepEqual(sent({ deny: exact }), []);
    assert.deepEqual(sent({ deny: [{ to: "ratings", methods: ["DELETE"] }] }).slice(0, 2), [
      "front /talos-mesh-probe",
      "reviews /talos-mesh-probe",
    ]);
    const only = shopModel(rules({ default: "deny", allow: [{ to: "ratings", methods: ["DELETE"] }] }));
    assert.deepEqual(probe("shop/ratings", only), [
      "  not measurable: DELETE is allowed, and is not sent: it may change something",
    ]);
  });

  it("say of rules that others cover that their effect is the same", () => {
    const model = shopModel(
      rules({
        allow: [
          { to: "ratings", from: ["front"] },
          { to: "shop/*", from: ["front"] },
        ],
      }),
    );
    assert.deepEqual(probe("shop/ratings", model), [
      "  not measurable: other rules have the same effect, for every request that could be sent",
    ]);
  });

  it("have one for a gateway, whose rules come before those of the workload", () => {
    const services = [{ host: "front", gateways: ["ingress"], hosts: ["shop.example.com"], http: [{}] }];
    const model = shopModel({
      traffic: { services },
      ...rules({
        allow: [
          { to: "ingress", paths: ["/a*"] },
          { to: "front", from: ["ingress"], methods: ["GET"] },
        ],
      }),
    });
    assert.deepEqual(
      probe("gateway ingress", model).map((line) => line.split(" -> ")[0]),
      [
        "  effect gateway ingress shop.example.com HEAD /talos-mesh-probe to shop/front",
        "  effect gateway ingress shop.example.com POST /talos-mesh-probe to shop/front",
        "  effect gateway ingress shop.example.com GET /talos-mesh-probe to shop/front",
      ],
    );
    const front = probe("shop/front", model);
    assert.ok(
      front.includes(
        "  effect gateway ingress shop.example.com GET /a to shop/front -> allowed {answers=[application]}",
      ),
    );
  });

  it("know denials of ztunnel and of ports without HTTP by a closed connection", () => {
    const settings = rules({ default: "deny", allow: [{ to: "ratings", from: ["front"] }] });
    const closed =
      "no rule allows it, and namespace shop denies by default: its connection is closed {answers=[denied,reset]}";
    const ambient = probe("shop/ratings", ambientShop(settings, { waypoints: [] }));
    assert.ok(
      ambient.includes(`  effect reviews GET /talos-mesh-probe to shop/ratings -> ${closed}`),
      ambient.join("\n"),
    );
    const ports = [{ port: 9000, protocol: "tcp" as const }];
    const workloads = [workload("front"), workload("reviews"), { ...workload("ratings"), ports }];
    const tcp = probe("shop/ratings", shopModel(settings, { workloads }));
    assert.ok(tcp.includes(`  effect tcp reviews to shop/ratings -> ${closed}`), tcp.join("\n"));
    assert.ok(tcp.includes("  effect tcp front to shop/ratings -> allowed {answers=[application]}"));
  });

  it("send no method that may create what a path names, and none that writes where a route rewrites its path", () => {
    const puts = rules({ deny: [{ to: "ratings", methods: ["PUT" as const] }] });
    assert.deepEqual(probe("shop/ratings deny", shopModel(puts)), [
      "  not measurable: PUT is not sent: it may create what is not there",
    ]);
    const posts = rules({ deny: [{ to: "ratings", methods: ["POST" as const] }] });
    const sent = probe("shop/ratings deny", shopModel(posts));
    assert.ok(
      sent.some((line) => line.includes("front POST /talos-mesh-probe to shop/ratings")),
      sent.join("\n"),
    );
    const services = [{ host: "ratings", http: [{ rewrite: { uri: "/delete-all" } }] }];
    assert.deepEqual(probe("shop/ratings deny", shopModel({ ...posts, traffic: { services } })), [
      "  not measurable: POST is not sent: a route may rewrite its path to one that exists",
    ]);
  });

  it("measure no closed connection to a port at which no client gets through", () => {
    const ports = [{ port: 9000, protocol: "tcp" as const }];
    const workloads = [workload("front"), { ...workload("ratings"), ports }];
    const closed = shopModel(rules({ deny: [{ to: "ratings" }] }), { workloads });
    const reason = "  not measurable: no client gets through to port 9000, so a closed connection does not show why";
    assert.deepEqual(probe("shop/ratings deny", closed), [reason]);
  });

  it("have a client that gets through next to connections that are closed", () => {
    const ports = [{ port: 9000, protocol: "tcp" as const }];
    const workloads = [workload("front"), workload("reviews"), { ...workload("ratings"), ports }];
    const settings = rules({
      deny: [{ to: "ratings", from: ["front"] }],
      allow: [{ to: "ratings", from: ["front", "reviews"] }],
    });
    const lines = probe("shop/ratings deny", shopModel(settings, { workloads }));
    assert.ok(
      lines.includes("  control tcp reviews to shop/ratings -> allowed {answers=[application]}"),
      lines.join("\n"),
    );
  });

  it("show that pods accept requests from their waypoint only", () => {
    const settings = rules({ allow: [{ to: "ratings", from: ["front"] }] });
    assert.deepEqual(probe("waypoint of shop/ratings", ambientShop(settings)), [
      "  effect stranger to a pod of shop/ratings, past the waypoint -> it bypasses the waypoint, and ztunnel closes its connection {answers=[denied,reset]}",
      "  control front GET /talos-mesh-probe to shop/ratings -> allowed {answers=[application]}",
    ]);
  });

  it("reach a waypoint through a gateway, where rules let no other client through", () => {
    const services = [{ host: "front", gateways: ["ingress"], hosts: ["shop.example.com"], http: [{}] }];
    const authorization = {
      default: "deny" as const,
      allow: [{ to: "front", from: ["ingress"], methods: ["GET" as const] }],
    };
    const [, through] = probe(
      "waypoint of shop/front",
      ambientShop({ traffic: { services }, security: { authorization } }),
    );
    assert.equal(
      through,
      "  control gateway ingress shop.example.com GET /talos-mesh-probe to shop/front -> allowed {answers=[application]}",
    );
  });

  it("leave out what depends on the client's address, and what an external authorizer decides", () => {
    const byAddress = shopModel(rules({ allow: [{ to: "ratings", ipBlocks: ["10.0.0.0/8"] }] }));
    assert.deepEqual(probe("shop/ratings", byAddress), ["  not measurable: rules decide by address"]);
    const external = shopModel({
      security: {
        extensionProviders: [{ name: "opa", envoyExtAuthzGrpc: { service: "opa.opa.svc.cluster.local", port: 9191 } }],
        authorization: { allow: [{ to: "ratings", from: ["front"] }], external: [{ to: "ratings", provider: "opa" }] },
      },
    });
    const lines = probe("shop/ratings", external);
    assert.ok(!lines.some((line) => line.includes("-> allowed")), lines.join("\n"));
  });

  it("are none for dry runs", () => {
    const allow = [{ to: "ratings", from: ["front"] }];
    assert.deepEqual(linesFor(authorization, shopModel(rules({ dryRun: true, allow }))), []);
    assert.deepEqual(
      linesFor(authorization, shopModel(rules({ allow: [{ to: "ratings", from: ["front"], dryRun: true }] }))),
      [],
    );
  });

  it("expect the aborts of faults on the way, and send as many requests as show a denial", () => {
    const services = [{ host: "ratings", http: [{ fault: { abort: { httpStatus: 503, percentage: 30 } } }] }];
    const model = shopModel({ traffic: { services }, ...rules({ allow: [{ to: "ratings", from: ["front"] }] }) });
    const [allowed] = authorization(planOf(model)).flatMap(({ series }) => series);
    assert.ok(allowed?.expect.kind === "every");
    assert.deepEqual(allowed.expect.outcome.answers, ["application", "fault"]);
    // 0.3 to the power of 12 is less than one in a million.
    assert.equal(allowed.count, 12);
  });

  it("stay below some thousands of requests in a large mesh", () => {
    const names = Array.from({ length: 80 }, (_, index) => `service-${index}`);
    const workloads = names.map((name, index) => workload(name, [], `team-${index % 8}`));
    const allow = workloads.map(({ name, namespace }, index) => {
      const caller = workloads[(index + 1) % workloads.length];
      return { to: `${namespace}/${name}`, from: [`${caller?.namespace}/${caller?.name}`], paths: ["/api/*"] };
    });
    const model = shopModel(rules({ default: "deny", allow }), { workloads, defaultNamespace: undefined });
    const probes = authorization(planOf(model));
    const series = probes.reduce((total, one) => total + one.series.length, 0);
    assert.ok(series > 80 * 5 && series < 1500, String(series));
    assert.match(probes[0]?.expectation ?? "", /of clients that no rule names, one of each namespace/);
  });
});
