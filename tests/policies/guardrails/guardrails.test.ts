import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { guardrailIds } from "../../../policies/guardrails/ids";
import { violations } from "../../../policies/guardrails/evaluate";
import { type Exception, type Facts, object, unknownValue } from "../../../policies/guardrails/guardrail";
import { exampleFacts, exampleMessages, guardrailPage } from "../../../policies/guardrails/page";
import { guardrails } from "../../../policies/guardrails/registry";
import { meshCases } from "./mesh-cases";
import { workloadCases } from "./workload-cases";

const cases = [...meshCases, ...workloadCases];

describe("guardrails", () => {
  for (const guardrail of guardrails) {
    it(`${guardrail.id}: passes its passing example, and names what is wrong in its failing one`, () => {
      assert.deepEqual(exampleMessages(guardrail, guardrail.passing), []);
      const messages = exampleMessages(guardrail, guardrail.failing);
      const judged = guardrail.failing.resources?.length ?? 0;
      assert.ok(messages.length >= Math.max(1, guardrail.scope === "resource" ? judged : 1), messages.join("\n"));
    });
  }

  it("have the names that exceptions may use, in the same order", () => {
    assert.deepEqual(
      guardrails.map(({ id }) => id),
      [...guardrailIds, "exceptions-current"],
    );
  });

  it("are documented in docs/guardrails.md", () => {
    const page = readFileSync(path.resolve(__dirname, "../../../docs/guardrails.md"), "utf8");
    assert.equal(page, guardrailPage(), "npm run policies -- guardrails");
  });
});

describe("each guardrail", () => {
  for (const example of cases) {
    it(`${example.id} ${example.name}`, () => {
      const guardrail = guardrails.find(({ id }) => id === example.id);
      assert.ok(guardrail);
      const messages = exampleMessages(guardrail, example);
      assert.deepEqual(
        messages.map((message, index) => message.slice(0, example.messages[index]?.length)),
        example.messages,
      );
    });
  }

  it("repeats no secret", () => {
    const all = cases.flatMap((example) => violations(example.resources ?? [], exampleFacts(example)));
    assert.deepEqual(
      all.filter(({ message }) => message.includes("hunter2")),
      [],
    );
  });

  it("does not judge what only a deployment can know", () => {
    const pod = { containers: [{ name: "shop", image: unknownValue, resources: unknownResources, env: unknownValue }] };
    const spec = { template: { spec: pod } };
    const unknown = object({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "shop", namespace: unknownValue },
      spec,
    });
    assert.deepEqual(violations([unknown], exampleFacts({})), []);
  });
});

const unknownResources = { requests: { cpu: unknownValue, memory: unknownValue }, limits: { memory: unknownValue } };

describe("violations", () => {
  const deployed = ["reviews", "ratings"].map((name) =>
    object({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace: "bookinfo" },
      spec: { template: { spec: { containers: [{ name, image: `${name}:1.20.3` }] } } },
    }),
  );
  const found = (facts: Partial<Facts>) =>
    violations(deployed, { ...exampleFacts({}), ...facts }).map((each) => [
      each.severity,
      each.guardrail.id,
      each.resource,
    ]);
  const exception = (given: Partial<Exception>): Exception => ({
    id: "images-by-digest",
    reason: "the mirror has no digests yet",
    until: "2027-03-31",
    ...given,
  });
  const resources = [
    ["resources-set", "Deployment/bookinfo/reviews"],
    ["resources-set", "Deployment/bookinfo/ratings"],
  ];
  const digests = [
    ["images-by-digest", "Deployment/bookinfo/reviews"],
    ["images-by-digest", "Deployment/bookinfo/ratings"],
  ];
  const each = (severity: string, all: readonly string[][]) => all.map((one) => [severity, ...one]);

  it("have the severity of the environment", () => {
    assert.deepEqual(found({ environment: "production" }), each("mandatory", [...digests, ...resources]));
    assert.deepEqual(found({ environment: "staging" }), [
      ...each("advisory", digests),
      ...each("mandatory", resources),
    ]);
    assert.deepEqual(found({ environment: "dev" }), each("advisory", resources));
  });

  it("leave out what an exception covers, through its last day", () => {
    const everywhere = exception({});
    assert.deepEqual(found({ exceptions: [everywhere], today: "2027-03-31" }), each("mandatory", resources));
    const one = exception({ resource: "Deployment/bookinfo/reviews" });
    const others = each("mandatory", [...digests.slice(1), ...resources]);
    assert.deepEqual(found({ exceptions: [one], today: "2027-03-31" }), others);
  });

  it("come back when the exception has ended, with a violation that names it", () => {
    const ended = [...each("mandatory", [...digests, ...resources]), ["mandatory", "exceptions-current", "the stack"]];
    assert.deepEqual(found({ exceptions: [exception({})], today: "2027-04-01" }), ended);
  });

  it("are not changed by an exception from another guardrail, or of another resource", () => {
    const others = [exception({ id: "mtls-strict" }), exception({ resource: "Deployment/bookinfo/review" })];
    assert.deepEqual(found({ exceptions: others, today: "2027-01-01" }), each("mandatory", [...digests, ...resources]));
  });
});
