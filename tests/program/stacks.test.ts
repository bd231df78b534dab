import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { projectRoot, runStack, type StackRun } from "../support/program";

const stacks = ["dev", "article", "staging", "production", "platform-staging", "mesh-staging", "laptop"] as const;

/** Type and name of everything a stack makes, a line each, sorted. */
function listing(run: StackRun): string {
  const lines = run.registrations.map(({ type, name }) => `${type} ${name}`);
  return `${lines.sort().join("\n")}\n`;
}

/** UPDATE_GOLDEN=1 writes the file again, for review in the diff; never in CI. */
function assertGolden(name: string, actual: string): void {
  const file = path.join(__dirname, "golden", name);
  if (process.env.UPDATE_GOLDEN === "1") {
    assert.ok(!process.env.CI, "UPDATE_GOLDEN must not be set in CI");
    writeFileSync(file, actual);
  }
  assert.ok(existsSync(file), `${name} is missing: run the test once with UPDATE_GOLDEN=1 and read what it wrote`);
  assert.equal(actual, readFileSync(file, "utf8"));
}

describe("the resources of a stack", () => {
  for (const stack of stacks) {
    it(`are those of the golden list of ${stack}`, async () => {
      assertGolden(
        `${stack}.txt`,
        listing(await runStack({ stack, configFile: path.join(projectRoot, `Pulumi.${stack}.yaml`) })),
      );
    });
  }

  it("are the same on every run, in the same order of names", async () => {
    assert.equal(listing(await runStack()), listing(await runStack()));
  });
});

describe("the stack", () => {
  it("of a laptop has its gateway at localhost, and ports as talosctl takes them", async () => {
    const run = await runStack({ stack: "laptop" });
    const environment = run.one("command:local:Command", "cluster-containers").inputs.environment as Record<
      string,
      string
    >;
    assert.equal(environment.TALOS_EXPOSED_PORTS, "30080:30080/tcp,30443:30443/tcp");
    assert.deepEqual(run.outputs.urls, ["http://bookinfo.localhost:30080/productpage"]);
    for (const measured of ["Verification", "Benchmark"]) assert.equal(run.childrenOf(run.one(measured)).length, 1);
  });
});
