import assert from "node:assert/strict";
import type { PolicyModel } from "../../../components/model/policies/policy-model";
import type { PlanContext } from "../../../components/verification/probe";
import { probesOf } from "../../../components/verification/probes/registry";
import { explain } from "../../../policies/explain/explain";
import { examples } from "../../policies/examples";
import { scenarios } from "../../policies/scenarios";
import { ambientShop, shopModel } from "../../support/policy-models";
import { questionOf, verdictOf } from "../predictions";
import { planOf, stackPlan } from "./plans";

const kinds: readonly string[] = ["authorization", "tokens", "mtls", "egress"];

function withKeys(context: PlanContext): PlanContext {
  const issuers = context.model.policies.tokenRules.flatMap((rules) => rules.issuers.map((one) => one.settings.issuer));
  const tokens = issuers.map((issuer) => ({ issuer, signingKey: { secret: "key" } }));
  return { ...context, settings: { ...context.settings, tokens } };
}

/** Of many settings, in both data planes. */
function* models(): Generator<readonly [string, PolicyModel]> {
  for (const [name, { settings, overrides }] of Object.entries(examples)) {
    yield [name, shopModel(settings, overrides)];
    yield [`${name} in ambient`, ambientShop(settings, overrides)];
  }
  for (const [name, { settings, overrides }] of Object.entries(scenarios)) yield [name, shopModel(settings, overrides)];
  for (const stack of ["article", "staging", "production", "dev"]) yield [stack, stackPlan(stack).model.policies];
}

const plans = () =>
  [...models()].map(([name, model]) => {
    const context = withKeys(planOf(model));
    return { name, model, probes: probesOf(context).filter(({ kind }) => kinds.includes(kind)) };
  });

describe("any probe of security", () => {
  it("expects what the explanation of its requests says", () => {
    let count = 0;
    for (const { name, model, probes } of plans()) {
      for (const probe of probes) {
        const { verdict, reason } = verdictOf(model, probe);
        assert.ok(["holds", "not measurable"].includes(verdict), `${name}: ${probe.name}: ${verdict}: ${reason}`);
        count += probe.series.length;
      }
    }
    assert.ok(count > 500, `only ${count} series`);
  });

  it("sends a method that may change something only where it is denied, with a path that cannot exist", () => {
    let count = 0;
    for (const { model, probes } of plans()) {
      for (const series of probes.flatMap((probe) => probe.series)) {
        const { method = "GET", path = "/" } = series.request;
        if (["GET", "HEAD", "OPTIONS"].includes(method)) continue;
        const question = questionOf(model, series);
        assert.ok(question && explain(model, question).outcome === "denied", series.title);
        assert.match(path, /talos-mesh-probe/);
        count += 1;
      }
    }
    assert.ok(count > 20, `only ${count} series`);
  });

  it("has series of different titles", () => {
    for (const { name, probes } of plans()) {
      for (const probe of probes) {
        const titles = probe.series.map(({ title }) => title);
        assert.equal(new Set(titles).size, titles.length, `${name}: ${probe.name}`);
      }
    }
  });
});
