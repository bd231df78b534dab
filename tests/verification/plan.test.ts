import assert from "node:assert/strict";
import type { ClusterTraits } from "../../components/cluster/kinds";
import { verificationPlan } from "../../components/verification/plan";
import { verificationRequest } from "../../components/verification/run/request";
import { estimatedSeconds, runPlan, withContext } from "../../components/verification/run/run-plan";
import type { Expectation, PlanContext, Probe } from "../../components/verification/probe";
import { probeOf, seriesOf } from "./evaluation/observations";
import { sharesOf, shareOf } from "./evaluation/samples";
import { stackPlan } from "./probes/plans";

const article = stackPlan("article");

function contextOf(
  given: {
    readonly settings?: Partial<PlanContext["settings"]>;
    readonly environment?: "dev" | "production";
    readonly simulated?: boolean;
  } = {},
): PlanContext {
  const { environment = "dev", simulated = false } = given;
  const cluster: ClusterTraits = { ...article.model.cluster, simulatedNodes: simulated };
  const settings = { ...article.model.settings, environment };
  return { model: { ...article.model, settings, cluster }, settings: { ...article.settings, ...given.settings } };
}

function probe(name: string, expect: Expectation, more: Partial<Probe> = {}, count?: number): Probe {
  return probeOf({
    name,
    kind: "weights",
    series: [seriesOf({ expect, ...(count !== undefined && { count }) })],
    ...more,
  });
}

const every: Expectation = { kind: "every", outcome: { title: "200" } };
const weights = sharesOf(0.15, 0.25, 0.6);

describe("what makes verification run again", () => {
  const digests = (settings: Partial<PlanContext["model"]["settings"]> = {}) => {
    const { model, settings: verification } = article;
    const plan = { ...runPlan(model, verification), probes: [] };
    const parts = { settings: verification, plan, policies: [], release: "1" };
    return verificationRequest("article", { settings: { ...model.settings, ...settings } }, parts).verified;
  };

  it("is the mesh config too, in which no policy's object has default retries", () => {
    const { traffic } = article.model.settings;
    const changed = digests({ traffic: { ...traffic, defaultRetries: { attempts: 5 } } });
    assert.notEqual(changed.mesh, digests().mesh);
    assert.deepEqual({ ...changed, mesh: "" }, { ...digests(), mesh: "" });
  });

  it("is nothing that has not changed", () => {
    assert.deepEqual(digests({ environment: "production" }), digests());
  });
});

describe("the plan of verification", () => {
  it("has the data plane of a namespace that the run makes, whatever that of the mesh is", () => {
    const namespace = "talos-mesh-verification-ambient";
    const series = seriesOf({ request: { to: { kind: "witness", namespace, by: "address" } } });
    const { model, settings } = article;
    const plan = verificationPlan(article, [probeOf({ series: [series] })]);
    assert.equal(withContext(plan, model, settings).namespaces[namespace]?.dataPlane, "ambient");
  });

  it("has a number of requests for each series: its own, or by the error rates of all shares together", () => {
    const probes = [probe("a", every), probe("b", every, {}, 12), probe("c", weights), probe("d", shareOf(0.3))];
    const { statistics, requests, ...plan } = verificationPlan(contextOf(), probes);
    const counts = plan.probes.map(({ series: [only] }) => only?.count);
    assert.deepEqual(counts, [3, 12, 884, 901]);
    assert.equal(requests, 3 + 12 + 884 + 901);
    assert.deepEqual(statistics, {
      falseAlarm: 0.001,
      tests: 2,
      alpha: 0.00045000000000000004,
      power: 0.99,
      deviation: 10,
    });
    assert.equal(plan.probes[2]?.series[0]?.finds, "15/25/60 against 15/35/50");
  });

  it("does not measure a share by fewer requests than the error rates take, and may by more", () => {
    const countOf = (count: number) =>
      verificationPlan(contextOf(), [probe("a", weights, {}, count)]).probes[0]?.series[0]?.count;
    assert.equal(countOf(10), 841);
    assert.equal(countOf(2000), 2000);
  });

  it("takes as long as its requests do at the rate of the settings", () => {
    const plan = verificationPlan(contextOf({ settings: { requestsPerSecond: 100 } }), [probe("a", every, {}, 250)]);
    assert.equal(plan.seconds, 2.5);
  });

  it("is estimated with the time for which faults delay requests, fewer of them at a time taking longer", () => {
    const { model, settings } = article;
    const late = { title: "late", atLeast: 2 };
    const expect = { kind: "share", share: 0.5, outcome: late, else: { title: "at once" } } as const;
    const seconds = (concurrency?: number) => {
      const series = [seriesOf({ expect, count: 1000, ...(concurrency && { concurrency }) })];
      const plan = verificationPlan(article, [probeOf({ kind: "faults", series, alone: true })]);
      return estimatedSeconds(plan.probes, withContext(plan, model, settings));
    };
    assert.ok(seconds(1) > 1000, String(seconds(1)));
    assert.ok(seconds() > 20 && seconds() < 100, String(seconds()));
  });

  it("is refused with more requests than the settings allow, with the probes that send most", () => {
    const probes = [probe("few", every), probe("many", weights), probe("most", shareOf(0.001))];
    assert.throws(
      () => verificationPlan(contextOf({ settings: { maxRequests: 1000 } }), probes),
      /^UserError: talos-mesh:verification\.maxRequests: 1000; this stack's probes send \d+, most of them for "most" \d+, "many" \d+, "few" 3; raise it, or raise talos-mesh:verification\.deviation, which/,
    );
  });

  it("leaves out what users notice, in production, and counts no error rate for it", () => {
    const probes = [probe("kept", weights), probe("left out", shareOf(0.3), { disturbs: "requests of users fail" })];
    const production = verificationPlan(contextOf({ environment: "production" }), probes);
    assert.equal(production.statistics.tests, 1);
    assert.deepEqual(
      production.probes.map(({ series, notMeasurable }) => [series.length, notMeasurable]),
      [
        [1, undefined],
        [0, "not measured (production): requests of users fail"],
      ],
    );
    const asked = contextOf({ environment: "production", settings: { disruptive: true } });
    assert.equal(verificationPlan(asked, probes).statistics.tests, 2);
    const off = verificationPlan(contextOf({ settings: { disruptive: false } }), probes);
    assert.match(off.probes[1]?.notMeasurable ?? "", /^not measured \(verification\.disruptive is false\): /);
  });

  it("measures nothing on simulated nodes", () => {
    const probes = [probe("a", weights), probe("b", every, { series: [], notMeasurable: "no client" })];
    const { requests, probes: planned } = verificationPlan(contextOf({ simulated: true }), probes);
    assert.equal(requests, 0);
    assert.deepEqual(
      planned.map(({ notMeasurable }) => notMeasurable),
      ["simulated nodes carry no traffic", "no client"],
    );
  });

  it("names the objects of the setting that a probe proves, unless the probe does", () => {
    const services = article.model.settings.traffic.services;
    const at = services.findIndex(({ host, http }) => host === "reviews" && http !== undefined);
    const path = ["traffic", "services", at, "http", 0];
    const objects = verificationPlan(contextOf(), [
      probe("by path", every, { path }),
      probe("its own", every, { path, objects: ["Sidecar a/b"] }),
      probe("none", every, { path: ["verification", "requests", 0] }),
    ]).probes.map((one) => one.objects);
    assert.deepEqual(objects, [["VirtualService bookinfo/reviews"], ["Sidecar a/b"], []]);
  });

  it("is made for the article's stack", () => {
    const plan = verificationPlan(article);
    assert.ok(plan.requests > 0 && plan.seconds < 180, `${plan.requests} requests in ${plan.seconds} s`);
    assert.ok(plan.statistics.tests > 0);
    const names = plan.probes.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
  });
});
