import assert from "node:assert/strict";
import { outcomesOf } from "../../../components/verification/evaluation/outcomes";
import fc from "fast-check";
import type { PolicyModel } from "../../../components/model/policies/policy-model";
import { formatPath } from "../../../components/shared/problem";
import type { Answer, Probe, Series } from "../../../components/verification/probe";
import { mirrors } from "../../../components/verification/probes/mirrors";
import { probesOf } from "../../../components/verification/probes/registry";
import { routes } from "../../../components/verification/probes/routes";
import { weights } from "../../../components/verification/probes/weights";
import { explain, type Explanation } from "../../../policies/explain/explain";
import { examples } from "../../policies/examples";
import { scenarios } from "../../policies/scenarios";
import { ambientShop, type PolicySettings, shopModel, workload } from "../../support/policy-models";
import { planOf, type Rules, stackPlan } from "./plans";

/** What `explain` knows nothing of: TLS, ports without HTTP, hosts that no gateway has, and pages without policies. */
const unexplained = /^gateways \S+ (plain HTTP|client certificates|passthrough|port )/;

/** Kinds whose probes are for one rule. */
const ofRules: readonly Probe["kind"][] = ["gateways", "routes", "weights", "faults", "mirrors", "headers"];
const kinds: readonly Probe["kind"][] = [...ofRules, "timeouts", "circuit-breakers", "rate-limits"];

/** What the explanation of a request with an answer may be. */
const explained: Readonly<Partial<Record<Answer, readonly Explanation["outcome"][]>>> = {
  application: ["passes"],
  // It ends a request before what explain follows.
  fault: ["passes", "denied", "no route", "answered"],
  overflow: ["passes", "denied"],
  "rate limited": ["passes", "denied"],
  timeout: ["passes", "denied"],
  denied: ["denied"],
  "token refused": ["denied"],
  "no route": ["no route"],
  rule: ["answered"],
};

/** Asks `explain` for the request of a series; undefined where it is for a host that no gateway has. */
function explanationOf(model: PolicyModel, { client, request }: Series): Explanation | undefined {
  const { to, method = "GET", path = "/", headers = {}, token } = request;
  const claims = token && { sub: "anyone", iss: token.issuer, ...flat(token.claims ?? {}) };
  const asked = { method, path, port: to.kind === "external" ? to.port : "port" in to ? to.port : 80 };
  const withClaims = { ...asked, ...(claims && { claims }) };
  if (to.kind === "service" && client.kind !== "outside") {
    const stranger = { name: "stranger", namespace: "elsewhere", serviceAccount: "default" };
    const from =
      client.kind === "workload"
        ? { from: `${client.namespace}/${client.name}` }
        : { from: "outside", client: { ...stranger, dataPlane: client.dataPlane } };
    return explain(model, { ...withClaims, headers, ...from, to: `${to.namespace}/${to.name}` });
  }
  assert.ok(to.kind === "gateway" && client.kind === "outside");
  const gateway = model.gateways.find(({ service, namespace }) => service === to.service && namespace === to.namespace);
  const isFor = (host: string) => host === to.host || host === "*" || to.host.endsWith(host.replace("*", ""));
  const exposed = model.services.filter(({ exposures }) =>
    exposures.some((one) => one.gateway.name === gateway?.name && one.hosts.some(isFor)),
  );
  const [service] = exposed;
  if (!service || !gateway) return undefined;
  const target = `${service.namespace}/${service.name}`;
  return explain(model, { ...withClaims, headers: { ...headers, host: to.host }, from: gateway.name, to: target });
}

function flat(claims: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(claims).flatMap(([name, value]) =>
      typeof value === "string"
        ? [[name, value]]
        : Object.entries(value as Record<string, string>).map(([inner, one]) => [`${name}[${inner}]`, one]),
    ),
  );
}

/** Checks the probes of traffic of a model; returns how many series each kind has. */
function check(model: PolicyModel, context = planOf(model)): Map<string, number> {
  const probes = probesOf(context);
  const names = probes.map(({ name }) => name);
  assert.deepEqual([...new Set(names)], names, "names of their own");
  const counts = new Map<string, number>();
  for (const probe of probes.filter(({ kind }) => kinds.includes(kind))) {
    const { name, kind, series, notMeasurable } = probe;
    assert.equal(series.length === 0, notMeasurable !== undefined, `${name}: ${notMeasurable}`);
    assert.notEqual(notMeasurable, "", name);
    assert.ok(series.length === 0 || series.some(({ role }) => role === "effect"), name);
    if (unexplained.test(name)) continue;
    for (const one of series) {
      counts.set(`${kind} ${one.role}`, (counts.get(`${kind} ${one.role}`) ?? 0) + 1);
      const method = one.request.method ?? "GET";
      assert.ok(["GET", "HEAD", "OPTIONS"].includes(method), `${name} sends ${method}`);
      const explanation = explanationOf(model, one);
      if (!explanation) {
        assert.ok(one.request.to.kind === "gateway" && one.request.to.host.endsWith(".invalid"), name);
        continue;
      }
      const answers = outcomesOf(one.expect).flatMap((outcome) => outcome.answers ?? []);
      const wanted = answers.flatMap((answer) => explained[answer] ?? []);
      const text = `${name}: ${one.title}: ${explanation.outcome} ${JSON.stringify(explanation.steps)}`;
      assert.ok(
        answers.length === 0 || wanted.includes(explanation.outcome),
        `${text}; expected ${answers.join(", ")}`,
      );
      const decides = explanation.steps.some(({ path }) => path && isAbove(path, probe.path));
      // A request from another origin is one of the rule, too.
      const isOfRule = one.role === "effect" || name.endsWith(" corsPolicy");
      if (ofRules.includes(kind) && !/ hosts$|^gateways \S+ certificate /.test(name))
        assert.equal(decides, isOfRule, text);
    }
  }
  return counts;
}

/** Whether the path of a step is the rule that a probe is for. */
function isAbove(path: Probe["path"], below: Probe["path"]): boolean {
  return path.at(-2) === "http" && formatPath(below.slice(0, path.length)) === formatPath(path);
}

const paths = ["/", "/a", "/a/b", "/admin/"];
const matcher = fc.oneof(
  fc.record({ exact: fc.constantFrom(...paths) }),
  fc.record({ prefix: fc.constantFrom(...paths) }),
  fc.record({ regex: fc.constantFrom("/a.*", "/[a-z]+/[0-9]{2}", "(?i)/ADMIN/.*") }),
);
const match = fc.record(
  {
    uri: matcher,
    headers: fc.constantFrom<Record<string, object>>(
      { "x-team": { exact: "red" } },
      { "x-team": { regex: "r.d|blue" } },
      { "x-other": { present: true } },
    ),
    withoutHeaders: fc.constant({ "x-team": { exact: "red" } }),
    queryParams: fc.constant({ page: { exact: "2" } }),
    method: fc.constantFrom({ exact: "GET" }, { regex: "HEAD|POST" }, { exact: "DELETE" }),
    sourceWorkload: fc.constantFrom("front", "ratings"),
  },
  { requiredKeys: [] },
);
const fault = fc.record(
  {
    abort: fc.record({ httpStatus: fc.constant(503), percentage: fc.constantFrom(0, 30, 100) }),
    delay: fc.record({ fixedDelay: fc.constantFrom("1s", "20ms"), percentage: fc.constantFrom(10, 100) }),
  },
  { requiredKeys: [] },
);
const route = fc.constantFrom({ v1: 100 }, { v2: 100 }, { v1: 10, v3: 90 }, undefined);
const ruleOf = (isEdge: boolean) =>
  fc
    .oneof(
      {
        weight: 4,
        arbitrary: fc.record(
          { match: fc.array(match, { minLength: 1, maxLength: 2 }), route, fault },
          { requiredKeys: [] },
        ),
      },
      fc.record({
        match: fc.array(match, { minLength: 1, maxLength: 1 }),
        directResponse: fc.constant({ status: 410 }),
      }),
      fc.record({ route }),
    )
    .map((rule) => (isEdge ? withoutSource(rule) : rule));
function withoutSource(rule: object): object {
  const { match: given } = rule as { readonly match?: readonly { readonly sourceWorkload?: string }[] };
  return given ? { ...rule, match: given.map((one) => ({ ...one, sourceWorkload: undefined })) } : rule;
}
const allow = fc.record(
  {
    to: fc.constantFrom("reviews", "shop/*"),
    from: fc.subarray(["front", "ratings", "ingress"], { minLength: 1 }),
    methods: fc.subarray(["GET", "HEAD", "POST"] as const, { minLength: 1 }),
    paths: fc.subarray(["/a*", "/admin/*", "*/x", "/{*}/12"], { minLength: 1 }),
  },
  { requiredKeys: ["to"] },
);
const settings: fc.Arbitrary<PolicySettings> = fc
  .record({
    mesh: fc.array(ruleOf(false), { maxLength: 3 }),
    edge: fc.array(ruleOf(true), { maxLength: 3 }),
    isDenied: fc.boolean(),
    allowed: fc.array(allow, { maxLength: 3 }),
    denied: fc.subarray(["/a", "/admin/0"], { maxLength: 1 }),
  })
  .map(({ mesh, edge, isDenied, allowed, denied }) => ({
    traffic: {
      services: [
        { host: "reviews", http: mesh },
        { host: "reviews", gateways: ["ingress"], hosts: ["shop.example.com"], http: edge },
      ] as NonNullable<PolicySettings["traffic"]>["services"],
    },
    security: {
      authorization: {
        default: isDenied ? "deny" : "allow",
        allow: allowed,
        deny: denied.map((path) => ({ to: "reviews", paths: [path] })),
      },
    },
  }));

describe("the probes of traffic", () => {
  for (const [plane, model] of [
    ["sidecar", shopModel],
    ["ambient", ambientShop],
  ] as const) {
    it(`expect what explain says of their requests, for any rules, in the data plane ${plane}`, () => {
      const all = new Map<string, number>();
      fc.assert(
        fc.property(settings, (given) => {
          for (const [kind, count] of check(model(given))) all.set(kind, (all.get(kind) ?? 0) + count);
        }),
        { seed: 15, numRuns: 200 },
      );
      for (const kind of ["gateways", "routes", "weights", "faults"].flatMap((one) => [
        `${one} effect`,
        `${one} control`,
      ])) {
        assert.ok((all.get(kind) ?? 0) > 10, `${kind}: ${all.get(kind)}`);
      }
    });
  }

  for (const [name, { settings: given, overrides }] of [...Object.entries(examples), ...Object.entries(scenarios)]) {
    it(`expect what explain says of their requests: ${name}`, () => {
      check(shopModel(given, overrides));
    });
  }

  it("expect what explain says of their requests, for the article's stack", () => {
    const plan = stackPlan("article");
    const counts = check(plan.model.policies, plan);
    assert.deepEqual(Object.fromEntries(counts), {
      "gateways effect": 5,
      "gateways control": 1,
      "routes effect": 3,
      "routes control": 2,
      "weights effect": 1,
      "faults effect": 2,
      "faults control": 1,
      "mirrors effect": 1,
      "headers effect": 1,
      "headers control": 1,
      "circuit-breakers effect": 1,
      "circuit-breakers control": 1,
    });
  });
});

describe("the probes of a big mesh", () => {
  it("are derived for 200 services in a few seconds", () => {
    const names = Array.from({ length: 200 }, (_, index) => `service-${index}`);
    const rules: Rules = [
      { match: [{ headers: { "x-team": { exact: "red" } } }], route: { v2: 100 } },
      { route: { v1: 50, v2: 50 }, mirror: { subset: "v2" } },
    ];
    // To half of the services, no client is allowed.
    const allow = names.flatMap((to, index) =>
      index % 2 === 0 ? [{ to, from: [names[index + 1] ?? to], paths: ["/x/*"] }] : [],
    );
    const model = shopModel(
      {
        traffic: { services: names.map((host) => ({ host, http: rules })) },
        security: { authorization: { default: "deny", allow } },
      },
      { workloads: names.map((name) => workload(name, ["v1", "v2"])) },
    );
    const start = process.cpuUsage();
    const probes = [routes, weights, mirrors].flatMap((source) => source(planOf(model)));
    const { user, system } = process.cpuUsage(start);
    assert.equal(probes.length, 3 * names.length);
    const seconds = (user + system) / 1e6;
    assert.ok(seconds < 10, `took ${seconds.toFixed(1)} s of processor time`);
  });
});
