import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { refuseOtherOwners } from "../../../cli/rollout/owners";
import { editsOf, shifted, splitOf } from "../../../cli/rollout/split";
import { edited } from "../../../cli/stack-edit";
import { ApiError } from "../../../components/shared/kubernetes/api-server";
import { readStack } from "../../../components/validation/stack";
import { projectRoot } from "../../support/program";

const file = path.join(projectRoot, "Pulumi.article.yaml");
const text = readFileSync(file, "utf8");

/** The model of the article with a part of its file replaced. */
function article(part = "", replacement = "") {
  return readStack(projectRoot, file, { text: text.replace(part, replacement) });
}

const split = "- route: { v1: 15, v2: 25, v3: 60 }\n            mirror: { subset: v3, percentage: 100 }";

describe("the split of a service", () => {
  it("is its rule without match, and its weights are replaced in the stack file alone", () => {
    const found = splitOf(article(), "reviews", "v3");
    assert.deepEqual([...found.weights], [["v1", 15], ["v2", 25], ["v3", 60]]); // prettier-ignore
    const changed = editsOf(found, shifted(found.weights, "v3", 80)).reduce(
      (all, edit) => edited(all, edit).text,
      text,
    );
    assert.equal(changed, text.replace("{ v1: 15, v2: 25, v3: 60 }", "{ v1: 8, v2: 12, v3: 80 }"));
    const after = splitOf(readStack(projectRoot, file, { text: changed }), "bookinfo/reviews", "v3");
    assert.deepEqual([...after.weights.values()], [8, 12, 80]);
  });

  it("gets a version that it does not have yet", () => {
    const model = article(split, "- route: { v1: 100 }");
    const before = text.replace(split, "- route: { v1: 100 }");
    const found = splitOf(model, "reviews", "v2");
    const changed = editsOf(found, shifted(found.weights, "v2", 5)).reduce(
      (all, edit) => edited(all, edit).text,
      before,
    );
    assert.equal(changed, before.replace("{ v1: 100 }", "{ v1: 95, v2: 5 }"));
  });

  for (const [what, act, message] of [
    [
      "a service that is not there",
      () => splitOf(article(), "nosuch", "v3"),
      /--service nosuch: no such service; expected one of: details, ratings, reviews, productpage/,
    ],
    [
      "a service without weights",
      () => splitOf(article(), "ratings", "v1"),
      /no rule of ratings without match that has a route/,
    ],
    [
      "a version that no pod has",
      () => splitOf(article(), "reviews", "v9"),
      /--to v9: v9 of reviews is no subset .* found: v1, v2, v3/,
    ],
    [
      "a list of destinations",
      () => splitOf(article(split, "- route: [{ subset: v1 }]"), "reviews", "v3"),
      /talos-mesh:traffic\.services\[1\]\.http\[2\]\.route: found a list of destinations/,
    ],
  ] as const) {
    it(`refuses ${what}`, () => assert.throws(act, message));
  }
});

describe("another controller of weights", () => {
  const reviews = { name: "reviews", namespace: "shop" };
  const absent = () => Promise.reject(new ApiError(404, "the server could not find the requested resource"));

  it("is none where the cluster has neither Argo Rollouts nor Flagger", () => refuseOtherOwners(absent, reviews));

  it("is refused where it has the service, and not where it has another", async () => {
    const canary = (service: string) => (url: string) =>
      url.includes("flagger")
        ? Promise.resolve({ items: [{ metadata: { name: "c" }, spec: { service: { name: service } } }] })
        : absent();
    await refuseOtherOwners(canary("ratings"), reviews);
    await assert.rejects(
      refuseOtherOwners(canary("reviews"), reviews),
      /Flagger shifts the requests of shop\/reviews \(c\)/,
    );
    const rollout = (url: string) =>
      url.includes("argoproj")
        ? Promise.resolve({ items: [{ metadata: { name: "reviews" }, spec: { strategy: { canary: {} } } }] })
        : absent();
    await assert.rejects(refuseOtherOwners(rollout, reviews), /Argo Rollouts shifts/);
  });
});
