import assert from "node:assert/strict";
import { isSecret, type Registration } from "../../embedded/program/run-program";
import { runStack, type StackRun } from "../support/program";

const on = { verification: { enabled: true } };
const commandOf = (run: StackRun): Registration => run.one("command:local:Command", "verification-run");

describe("the verification of a stack", () => {
  it("comes after everything that is deployed, and before the benchmark", async () => {
    const run = await runStack({ stack: "article", overrides: on });
    const command = commandOf(run);
    for (const each of ["Release", "Deployment", "VirtualService"].flatMap((type) => run.byType(type))) {
      assert.ok(run.dependsOn(command, each), each.name);
    }
    assert.ok(run.dependsOn(run.one("Benchmark"), command));
  });

  it("gets what is secret or big by its standard input, which is secret", async () => {
    const { inputs } = commandOf(await runStack({ stack: "article", overrides: on }));
    assert.ok(isSecret(inputs.stdin));
    assert.match(JSON.stringify(inputs.stdin), /weights reviews/);
    const environment = JSON.stringify(inputs.environment);
    assert.ok(environment.length < 2000, environment);
    assert.doesNotMatch(environment, /weights reviews/);
    assert.deepEqual([inputs.triggers, inputs.create], [undefined, inputs.update]);
    assert.match(String(inputs.delete), /verify\.cjs remove$/);
  });

  describe("runs again", () => {
    let unchanged: string;
    const inputsOf = async (overrides: Record<string, unknown> = {}) =>
      JSON.stringify(commandOf(await runStack({ stack: "article", overrides: { ...on, ...overrides } })).inputs);
    before(async () => {
      unchanged = await inputsOf();
    });

    for (const [title, overrides] of [
      [
        "a policy",
        { traffic: { services: [{ host: "reviews", subsets: ["v1", "v2"], http: [{ route: { v1: 50, v2: 50 } }] }] } },
      ],
      ["the mesh", { mesh: { values: { istiod: { resources: { requests: { cpu: "300m" } } } } } }],
      ["an application", { bookinfo: { replicas: 2 } }],
      ["a probe", { verification: { enabled: true, deviation: 20 } }],
    ] as const) {
      it(`where ${title} has changed`, async () => {
        assert.notEqual(await inputsOf(overrides), unchanged);
      });
    }

    for (const [title, overrides] of [
      ["nothing has", {}],
      ["what is observed has", { observability: { grafana: null } }],
      ["the benchmark has", { benchmark: null }],
    ] as const) {
      it(`not where ${title} changed`, async () => {
        assert.equal(await inputsOf(overrides), unchanged);
      });
    }
  });

  it("creates nothing on simulated nodes, and says that nothing is measurable", async () => {
    const run = await runStack({ stack: "dev", overrides: on });
    assert.equal(run.byType("command:local:Command").filter(({ name }) => name === "verification-run").length, 0);
    const [sentence = ""] = run.outputs.verification as readonly string[];
    assert.match(sentence, /^Policies: \d+ not measurable: simulated nodes carry no traffic$/);
    assert.doesNotMatch(sentence, /^Policies: 0 /);
  });

  it("is left out where it is off", async () => {
    const run = await runStack({ stack: "article", overrides: { verification: { enabled: false } } });
    assert.deepEqual(run.outputs.verification, []);
    assert.equal(run.byType("Verification").length, 0);
  });
});
