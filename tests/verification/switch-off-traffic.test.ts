import assert from "node:assert/strict";
import { Random } from "../../components/shared/random";
import { evaluateSeries } from "../../components/verification/evaluation/evaluate";
import { evaluateProbe } from "../../components/verification/evaluation/verdicts";
import { verificationPlan } from "../../components/verification/plan";
import type { Probe } from "../../components/verification/probe";
import { type Services, stackPlan } from "./probes/plans";
import { observe } from "./traffic-mesh";

const kinds: readonly Probe["kind"][] = [
  "gateways",
  "routes",
  "weights",
  "faults",
  "mirrors",
  "headers",
  "circuit-breakers",
];

type Service = Services[number];
type Rule = NonNullable<Service["http"]>[number];

const context = stackPlan("article");
const plan = verificationPlan(context);
const probes = plan.probes.filter(({ kind, series }) => kinds.includes(kind) && series.length > 0);

/** What a run of the article's probes reports of a mesh in which a service has other policies. */
function verdicts(host: string, change: (service: Service) => Service, seed = 1): string[] {
  const { model } = stackPlan("article", (sections) => {
    const traffic = sections.traffic as { readonly services: readonly Service[] };
    const services = traffic.services.map((service) => (service.host === host ? change(service) : service));
    return { ...sections, traffic: { ...traffic, services } };
  });
  const random = new Random(seed);
  return probes.flatMap((probe) => {
    const results = probe.series.map((series) => {
      const others = series.concurrency ?? 1;
      const observations = Array.from({ length: series.count }, () => observe(model.policies, series, random, others));
      return evaluateSeries(probe, series, observations, plan.statistics);
    });
    const { verdict } = evaluateProbe(probe, results, 1);
    return verdict === "holds" ? [] : [`${probe.name}: ${verdict}`];
  });
}

function withRule(index: number, change: (rule: Rule) => Rule | undefined) {
  return ({ http = [], ...service }: Service): Service => ({
    ...service,
    http: http.flatMap((rule, at) => (at === index ? (change(rule) ?? []) : [rule])),
  });
}

describe("a policy of traffic that is switched off in the article's stack", () => {
  it("is reported, and nothing is where all are in force", () => {
    for (let seed = 1; seed <= 10; seed++)
      assert.deepEqual(
        verdicts("reviews", (same) => same, seed),
        [],
        `${seed}`,
      );
  });

  const changes: readonly (readonly [
    what: string,
    host: string,
    change: (service: Service) => Service,
    reported: string[],
  ])[] = [
    ["a route by header", "reviews", withRule(0, () => undefined), ["routes reviews http[0]: fails"]],
    ["a route by device", "reviews", withRule(1, () => undefined), ["routes reviews http[1]: fails"]],
    [
      "a route by header that leads elsewhere",
      "reviews",
      withRule(0, (rule) => ({ ...rule, route: { v1: 100 } })),
      ["routes reviews http[0]: fails"],
    ],
    [
      "weights of 15/35/50",
      "reviews",
      withRule(2, (rule) => ({ ...rule, route: { v1: 15, v2: 35, v3: 50 } })),
      ["weights reviews http[2]: fails"],
    ],
    ["weights", "reviews", withRule(2, (rule) => ({ ...rule, route: undefined })), ["weights reviews http[2]: fails"]],
    [
      "a mirror",
      "reviews",
      withRule(2, (rule) => ({ ...rule, mirror: undefined })),
      ["mirrors reviews http[2] mirror: fails"],
    ],
    [
      "a fault",
      "ratings",
      withRule(0, (rule) => ({ ...rule, fault: undefined })),
      ["faults ratings http[0] abort: fails"],
    ],
    [
      "a fault of 20%",
      "ratings",
      withRule(0, (rule) => ({ ...rule, fault: { abort: { httpStatus: 403, percentage: 20 } } })),
      ["faults ratings http[0] abort: fails"],
    ],
    [
      "the match of a fault",
      "ratings",
      ({ http: [fault] = [], ...service }) => ({ ...service, http: [{ ...fault, match: undefined }] }),
      ["routes ratings http[1]: control failed", "faults ratings http[0] abort: fails"],
    ],
    [
      "all other requests",
      "ratings",
      withRule(1, () => undefined),
      ["routes ratings http[1]: fails", "faults ratings http[0] abort: control failed"],
    ],
    [
      "a delay",
      "details",
      withRule(0, (rule) => ({ ...rule, fault: undefined })),
      ["faults details http[0] delay: fails"],
    ],
    [
      "the paths of a gateway",
      "productpage",
      withRule(0, (rule) => ({ ...rule, match: undefined })),
      ["gateways productpage at ingress * http[0]: fails"],
    ],
    [
      "one of the paths of a gateway",
      "productpage",
      withRule(0, ({ match = [], ...rule }) => ({ ...rule, match: match.slice(0, 2) })),
      ["gateways productpage at ingress * http[0]: fails"],
    ],
    [
      "the removal of a header",
      "productpage",
      withRule(0, (rule) => ({ ...rule, headers: undefined })),
      ["headers productpage at ingress * http[0] response: fails"],
    ],
    [
      "a circuit breaker",
      "productpage",
      (service) => ({ ...service, trafficPolicy: undefined }),
      ["circuit-breakers productpage connectionPool: fails"],
    ],
  ];
  for (const [what, host, change, reported] of changes) {
    it(`is reported by its own probe: ${what}`, () => {
      assert.deepEqual(verdicts(host, change), reported);
    });
  }
});
