import assert from "node:assert/strict";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import path from "node:path";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { capabilityPage } from "../../policies/capabilities";
import { compilePolicies } from "../../policies/compile";
import { explain, type Question } from "../../policies/explain/explain";
import { ambientShop, type PolicySettings, shopModel } from "../support/policy-models";

const names = ["front", "reviews", "ratings"];
const paths = ["/", "/a", "/a/b", "/admin", "/admin/x"];
const methods = ["GET", "POST"] as const;

interface Matcher {
  readonly exact?: string;
  readonly prefix?: string;
}
interface Manifest {
  readonly selector?: { readonly matchLabels: { readonly app: string } };
  readonly action?: string;
  readonly rules?: readonly {
    readonly from?: readonly { readonly source: { readonly principals?: readonly string[] } }[];
    readonly to?: readonly { readonly operation: { readonly methods?: string[]; readonly paths?: string[] } }[];
    readonly when?: readonly { readonly key: string; readonly values: readonly string[] }[];
  }[];
  readonly hosts?: readonly string[];
  readonly http?: readonly {
    readonly match?: readonly { readonly uri?: Matcher; readonly headers?: Record<string, Matcher> }[];
    readonly directResponse?: object;
  }[];
}

/** What the compiled objects do to a request between two sidecars, by Istio's documentation. */
function interpret(objects: readonly KubernetesObject[], { from, to, method, path, headers }: Question): string {
  const specs = (kind: string) => objects.filter((object) => object.kind === kind).map(({ spec }) => spec as Manifest);
  const fits = ({ exact, prefix }: Matcher, text = "") =>
    exact === undefined ? text.startsWith(prefix ?? "") : text === exact;
  const route = specs("VirtualService").find(({ hosts }) => hosts?.includes(`${to}.shop.svc.cluster.local`));
  if (route?.http) {
    const taken = route.http.find(
      ({ match }) =>
        match?.some(
          (one) =>
            (!one.uri || fits(one.uri, path)) &&
            Object.entries(one.headers ?? {}).every(([name, value]) => name in headers && fits(value, headers[name])),
        ) ?? true,
    );
    if (!taken) return "no route";
    if (taken.directResponse) return "answered";
  }
  const star = (pattern: string, text: string) =>
    pattern.endsWith("*") ? text.startsWith(pattern.slice(0, -1)) : pattern === text;
  const policies = specs("AuthorizationPolicy").filter(({ selector }) => (selector?.matchLabels.app ?? to) === to);
  const holds = (action: string) =>
    policies
      .filter((policy) => (policy.action ?? "ALLOW") === action)
      .flatMap(({ rules = [] }) => rules)
      .some(
        ({ from: sources, to: operations, when = [] }) =>
          (sources?.some(({ source }) => source.principals?.includes(`cluster.local/ns/shop/sa/${from}-account`)) ??
            true) &&
          (operations?.some(
            ({ operation }) =>
              (operation.methods?.includes(method) ?? true) &&
              (operation.paths?.some((one) => star(one, path)) ?? true),
          ) ??
            true) &&
          when.every(({ key, values }) => values.includes(headers[/\[(.*)\]/.exec(key)?.[1] ?? ""] ?? "")),
      );
  if (holds("DENY")) return "denied";
  const allows = policies.some(({ action = "ALLOW" }) => action === "ALLOW");
  return !allows || holds("ALLOW") ? "passes" : "denied";
}

const rule = fc.record(
  {
    to: fc.constantFrom(...names),
    from: fc.subarray(names, { minLength: 1 }),
    methods: fc.subarray([...methods], { minLength: 1 }),
    paths: fc.subarray(["/a", "/a/*", "/admin*"], { minLength: 1 }),
    headers: fc.constant<Record<string, string[]>>({ "x-team": ["red"] }),
  },
  { requiredKeys: ["to"] },
);
const matcher = fc.oneof(
  fc.record({ exact: fc.constantFrom(...paths) }),
  fc.record({ prefix: fc.constantFrom("/", "/a", "/admin/") }),
);
const route = fc.record(
  {
    match: fc.array(
      fc.record(
        { uri: matcher, headers: fc.constant<Record<string, Matcher>>({ "x-team": { exact: "red" } }) },
        { requiredKeys: ["uri"] },
      ),
      {
        minLength: 1,
        maxLength: 2,
      },
    ),
    directResponse: fc.constant({ status: 410 }),
  },
  { requiredKeys: [] },
);
const settings: fc.Arbitrary<PolicySettings> = fc.record({
  traffic: fc.record({
    services: fc
      .subarray(names)
      .chain((hosts) =>
        fc.tuple(
          ...hosts.map((host) => fc.record({ host: fc.constant(host), http: fc.array(route, { maxLength: 3 }) })),
        ),
      ),
  }),
  security: fc.record({
    authorization: fc.record({
      default: fc.constantFrom("deny" as const, "allow" as const),
      allow: fc.array(rule, { maxLength: 3 }),
      deny: fc.array(rule, { maxLength: 2 }),
    }),
  }),
});
const question: fc.Arbitrary<Question> = fc.record({
  from: fc.constantFrom(...names),
  to: fc.constantFrom(...names),
  method: fc.constantFrom(...methods),
  path: fc.constantFrom(...paths),
  headers: fc.constantFrom<Record<string, string>>({}, { "x-team": "red" }),
});

describe("the explanation of a request", () => {
  it("agrees with a simple interpretation of the compiled objects, for any policies", () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(settings, question, (given, request) => {
        const model = shopModel(given);
        const expected = interpret(compilePolicies(model), request);
        seen.set(expected, (seen.get(expected) ?? 0) + 1);
        assert.equal(explain(model, request).outcome, expected);
      }),
      { seed: 6, numRuns: 1000 },
    );
    for (const outcome of ["passes", "denied", "no route", "answered"]) {
      assert.ok((seen.get(outcome) ?? 0) > 20, `${outcome} was hardly generated: ${seen.get(outcome)}`);
    }
  });

  const explainShop = (given: PolicySettings, request: Partial<Question>) =>
    explain(shopModel(given), { from: "front", to: "ratings", method: "GET", path: "/", headers: {}, ...request });

  const outcomeOf = (regex: string, path: string) =>
    explainShop({ traffic: { services: [{ host: "ratings", http: [{ match: [{ uri: { regex } }] }] }] } }, { path })
      .outcome;

  it("evaluates expressions as RE2 does, in the whole path", () => {
    for (const regex of ["/[[:alpha:]]+", "(?i)/ABC", "/(?P<all>[a-z]*)", "(?s:/.+)", "/\\Qabc\\E", "/\\pL+"]) {
      assert.equal(outcomeOf(regex, "/abc"), "passes", regex);
      assert.equal(outcomeOf(regex, "/abc/1/"), regex === "(?s:/.+)" ? "passes" : "no route", regex);
    }
  });

  it("evaluates an expression in linear time", () => {
    assert.equal(outcomeOf("/(a+)+b", `/${"a".repeat(1000)}`), "no route");
  });

  it("names the setting that decides", () => {
    const { outcome, steps } = explainShop(
      {
        security: {
          authorization: { default: "deny", allow: [{ to: "reviews" }, { to: "ratings", paths: ["/r/{*}"] }] },
        },
      },
      { path: "/r/1?full=yes" },
    );
    assert.equal(outcome, "passes");
    assert.deepEqual(steps.at(-1), { what: "a rule allows it", path: ["security", "authorization", "allow", 1] });
  });

  it("is refused in plain text where mTLS is STRICT", () => {
    assert.equal(explainShop({}, { from: "outside" }).outcome, "denied");
  });

  it("requires the token for its path", () => {
    const jwt = [
      { workload: "ratings", issuer: "https://a.example", requireClaims: { role: ["admin"] }, paths: ["/admin/*"] },
    ];
    const outcome = (given: Partial<Question>) => explainShop({ security: { jwt } }, given).outcome;
    assert.equal(outcome({ path: "/" }), "passes");
    assert.equal(outcome({ path: "/admin/x" }), "denied");
    assert.equal(outcome({ path: "/admin/x", claims: { iss: "https://a.example" } }), "denied");
    assert.equal(outcome({ path: "/admin/x", claims: { iss: "https://a.example", role: "admin" } }), "passes");
  });

  it("compares addresses with blocks of IPv4 and IPv6", () => {
    const ipBlocks = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"];
    const security: PolicySettings["security"] = { authorization: { allow: [{ to: "ratings", ipBlocks }] } };
    const outcome = (address: string) => explainShop({ security }, { address }).outcome;
    for (const address of ["10.1.2.3", "192.0.2.7", "2001:db8::1"]) assert.equal(outcome(address), "passes", address);
    for (const address of ["11.1.2.3", "192.0.2.8", "2001:db9::1", "::ffff:11.1.2.3"]) {
      assert.equal(outcome(address), "denied", address);
    }
    assert.equal(outcome("2001:DB8:0:0::1"), "passes");
    assert.throws(() => outcome("front"), /--address front: expected an IP address such as 10.0.0.7/);
  });

  it("is unknown if an external authorizer decides", () => {
    const security: PolicySettings["security"] = {
      extensionProviders: [{ name: "opa", envoyExtAuthzGrpc: { service: "opa", port: 1 } }],
      authorization: { external: [{ to: "ratings", provider: "opa", methods: ["GET"] }] },
    };
    assert.equal(explainShop({ security }, {}).outcome, "unknown");
    assert.equal(explainShop({ security }, { method: "POST" }).outcome, "passes");
  });

  it("passes under a dry run, with a step that names it", () => {
    const { outcome, steps } = explainShop(
      { security: { authorization: { dryRun: true, deny: [{ to: "ratings" }] } } },
      {},
    );
    assert.equal(outcome, "passes");
    assert.deepEqual(steps.at(-1)?.path, ["security", "authorization", "dryRun"]);
  });

  it("is 404 at a gateway that does not expose the service", () => {
    assert.equal(explainShop({}, { from: "ingress" }).outcome, "no route");
  });

  it("applies the rules of a waypoint for ingress to requests of a gateway", () => {
    const services = [
      {
        host: "front",
        gateways: ["ingress"],
        hosts: ["shop.example.com"],
        http: [{ match: [{ uri: { prefix: "/" } }] }],
      },
      { host: "front", http: [{ match: [{ uri: { exact: "/products" } }] }] },
    ];
    const request = { from: "ingress", to: "front", method: "GET", headers: {} };
    const model = ambientShop({ traffic: { services } });
    assert.equal(explain(model, { ...request, path: "/products" }).outcome, "passes");
    assert.equal(explain(model, { ...request, path: "/other" }).outcome, "no route");
  });

  it("is denied if it bypasses a waypoint that enforces rules, whatever they allow", () => {
    const permissive = { mtls: "PERMISSIVE" as const };
    const request = { from: "outside", to: "ratings", method: "GET", headers: {}, path: "/" };
    const closed: PolicySettings = { security: { authorization: { default: "deny", allow: [{ to: "ratings" }] } } };
    const { outcome, steps } = explain(ambientShop(closed, permissive), request);
    assert.equal(outcome, "denied");
    assert.deepEqual(steps.at(-1), {
      what: "a pod outside the mesh bypasses the waypoint of namespace shop, and ratings accepts requests from its waypoint only",
      path: ["mesh", "waypoints"],
    });
    assert.equal(explain(ambientShop(closed, permissive), { ...request, from: "front" }).outcome, "passes");
    assert.equal(explain(ambientShop({}, permissive), request).outcome, "passes");
  });

  it("depends on the mTLS mode of the port", () => {
    const reason = "until the last client has moved";
    const exception = { namespace: "shop", workload: "ratings", reason };
    const outcome = (mode: "STRICT" | "PERMISSIVE", port: "STRICT" | "PERMISSIVE") =>
      explainShop(
        { security: { peerAuthentication: [{ ...exception, mode, ports: { 9080: port } }] } },
        { from: "outside" },
      ).outcome;
    assert.equal(outcome("STRICT", "PERMISSIVE"), "passes");
    assert.equal(outcome("PERMISSIVE", "STRICT"), "denied");
  });

  it("is an error for a workload that does not exist", () => {
    assert.throws(() => explainShop({}, { to: "cart" }), RangeError);
    assert.throws(() => explainShop({}, { from: "cart" }), RangeError);
  });
});

describe("docs/policies-data-planes.md", () => {
  it("is generated from the table of capabilities", () => {
    const page = readFileSync(path.resolve(__dirname, "../../docs/policies-data-planes.md"), "utf8");
    assert.equal(page, capabilityPage(), "npm run policies -- table");
  });
});
