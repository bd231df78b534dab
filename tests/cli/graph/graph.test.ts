import assert from "node:assert/strict";
import path from "node:path";
import { graphOf } from "../../../cli/graph/graph";
import { graphPage } from "../../../cli/graph/page";
import { verification } from "../../../components/settings/sections/verification";
import { readStack } from "../../../components/validation/stack";
import { describeSeries } from "../../../components/verification/evaluation/descriptions";
import { verificationPlan } from "../../../components/verification/plan";
import type { ProbeResult, Verdict } from "../../../components/verification/result";
import { probe } from "../../verification/report/results";

const root = path.resolve(__dirname, "../../..");
const article = readStack(root, path.join(root, "Pulumi.article.yaml"));
const dev = readStack(root, path.join(root, "Pulumi.dev.yaml"));

/** As if every probe of the article had been measured: it holds, unless its name has another verdict. */
function measured(others: Readonly<Record<string, Verdict>> = {}): ProbeResult[] {
  return verificationPlan({ model: article, settings: verification.parse({}) }).probes.map((planned): ProbeResult => {
    const verdict = others[planned.name] ?? "holds";
    const series = planned.series.map((one) => {
      const judged = { verdict, count: one.count, measured: "", evidence: "" };
      return { title: one.title, role: one.role, ...describeSeries(one), ...judged };
    });
    return { ...planned, verdict, series, seconds: 1 };
  });
}

function arrow(graph: ReturnType<typeof graphOf>, from: string, to: string, kind: string) {
  const found = graph.edges.find((edge) => edge.from === from && edge.to === to && edge.kind === kind);
  return found && { lines: found.lines, verdict: found.verdict };
}

const reviews = "bookinfo/reviews";

describe("the graph of the article", () => {
  const graph = graphOf(article);

  it("has an arrow for each share of a route, with the requests that other rules send there", () => {
    assert.deepEqual(arrow(graph, reviews, `${reviews} v1`, "route")?.lines, ["15%"]);
    assert.deepEqual(arrow(graph, reviews, `${reviews} v2`, "route")?.lines, ["25%"]);
    const toV3 = ["100% if end-user: quentin", "100% if user-agent: .*Mobile.*", "60%"];
    assert.deepEqual(arrow(graph, reviews, `${reviews} v3`, "route")?.lines, toV3);
    assert.deepEqual(arrow(graph, reviews, `${reviews} v3`, "mirror")?.lines, ["copy of 100%"]);
  });

  it("has an arrow for each call that rules allow, and for no other", () => {
    const calls = graph.edges.filter(({ kind }) => kind === "call").map(({ from, to }) => `${from} > ${to}`);
    assert.deepEqual(calls.sort(), [
      "bookinfo/productpage > bookinfo/details",
      "bookinfo/productpage > bookinfo/reviews",
      "bookinfo/reviews > bookinfo/ratings",
    ]);
  });

  it("leads from clients through the gateway, and to each workload's own hosts outside", () => {
    assert.deepEqual(arrow(graph, "outside", "gateway ingress", "exposed")?.lines, ["*"]);
    assert.ok(arrow(graph, "gateway ingress", "bookinfo/productpage", "exposed"));
    const outward = graph.edges.filter(({ kind }) => kind === "egress").map(({ from, to }) => `${from} > ${to}`);
    assert.deepEqual(outward, ["bookinfo/productpage > host a-cup-of.coffee", `${reviews} > host une-tasse-de.cafe`]);
  });

  it("names what a rule does besides routing", () => {
    const actions = graph.rules.map(({ title, action }) => `${title}: ${action}`);
    assert.ok(actions.includes("details 1: to details; 50% delayed by 2s; 3 retries"), actions.join("\n"));
    assert.ok(actions.includes("ratings 1: to ratings; 30% answered 403"), actions.join("\n"));
  });
});

describe("the graph after a verification", () => {
  it("has the verdict of each arrow's own probes", () => {
    const weights = "weights reviews http[2]";
    const graph = graphOf(article, {
      probes: measured({ [weights]: "fails", "authorization bookinfo/ratings": "fails" }),
    });
    assert.equal(arrow(graph, reviews, `${reviews} v1`, "route")?.verdict, "fails");
    assert.equal(arrow(graph, "bookinfo/productpage", reviews, "call")?.verdict, "holds");
    assert.equal(arrow(graph, reviews, "bookinfo/ratings", "call")?.verdict, "fails");
    assert.equal(arrow(graph, "bookinfo/productpage", "host a-cup-of.coffee", "egress")?.verdict, "holds");
    assert.deepEqual(
      graph.rules.filter(({ verdict }) => verdict === "fails").map(({ title }) => title),
      ["reviews 3"],
    );
  });

  it("has no verdict where the run measured other settings", () => {
    const other = probe({ name: "weights other", kind: "weights", path: ["traffic", "services", 9], verdict: "fails" });
    const verdicts = graphOf(article, { probes: [other] }).edges.flatMap(({ verdict }) => verdict ?? []);
    assert.deepEqual(verdicts, []);
  });
});

describe("the page of the graph", () => {
  it("is one file without anything from elsewhere, in which names are no markup", () => {
    const page = graphPage("<b>shop</b>", dev, { probes: [], startedAt: "2026-11-30T12:00:00.000Z" });
    assert.doesNotMatch(page, /<(script|img|link|iframe|b>shop)|url\((?!#)|@import|https?:|NaN|undefined/);
  });

  it("says what is open where no rule restricts it", () => {
    const open = readStack(root, path.join(root, "tests/fixtures/good/canary.yaml"));
    const page = graphPage("open", open);
    assert.match(page, /No rule restricts access: every client may call every service/);
    assert.match(page, /Every workload may reach every host/);
    assert.deepEqual(
      graphOf(open).edges.filter(({ kind }) => kind === "call"),
      [],
    );
  });
});
