import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { benchmark } from "../../../components/settings/sections/benchmark";
import { parseCommandLine, runCommand } from "../../../cli/command";
import { budgetsLeftOut, command } from "../../../cli/commands/bench";
import { UserError } from "../../../components/shared/problem";
import { ReadOnlyApi } from "./fake-api";

describe("npm run bench", () => {
  const config = path.resolve(__dirname, "../../../Pulumi.dev.yaml");
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-bench-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const bench = (kubeconfig: string) => {
    const file = path.join(folder, "kubeconfig");
    writeFileSync(file, kubeconfig);
    return runCommand(command, ["--stack", "test-of-bench", "--config", config, "--kubeconfig", file]);
  };

  it("reports the error of a cluster that is gone or refuses, without a stack trace", async () => {
    const api = await ReadOnlyApi.start([]);
    const { kubeconfig } = api;
    // No kind is known.
    await assert.rejects(bench(kubeconfig), (error: unknown) => {
      assert.ok(error instanceof UserError, String(error));
      assert.match(error.message, /no kind Node/);
      return true;
    });
    await api.stop();
    await assert.rejects(bench(kubeconfig), (error: unknown) => {
      assert.ok(error instanceof UserError, String(error));
      assert.match(error.message, /ECONNREFUSED/);
      return true;
    });
  });

  it("names the budgets that are left out with their scenarios", () => {
    const { budgets } = benchmark.parse({
      budgets: { "sidecar.p99": { max: 5 }, "ambient.cpu": { max: 1 }, p99: { max: 5 } },
    });
    assert.deepEqual(budgetsLeftOut({ budgets, scenarios: ["none", "sidecar"] }), ["ambient.cpu"]);
    assert.deepEqual(budgetsLeftOut({ budgets, scenarios: ["none", "sidecar", "ambient"] }), []);
  });

  it("always measures none, and keeps the order of the scenarios", () => {
    const { values } = parseCommandLine(command, ["--stack", "dev", "--scenarios", "waypoint,sidecar"]);
    assert.deepEqual(values.scenarios, ["none", "sidecar", "waypoint"]);
  });

  it("refuses an unknown scenario, and a missing stack", async () => {
    assert.throws(
      () => parseCommandLine(command, ["--stack", "dev", "--scenarios", "mesh"]),
      /--scenarios "mesh": unknown mesh; known: none, sidecar, ambient, waypoint/,
    );
    await assert.rejects(async () => parseCommandLine(command, ["--quick"]).run(), /--stack is missing/);
    await assert.rejects(
      async () => parseCommandLine(command, ["--config", "a/dev.yaml"]).run(),
      /the stack's name cannot be taken from dev\.yaml; name the file Pulumi\.STACK\.yaml, or add --stack NAME/,
    );
    assert.match(parseCommandLine(command, []).help, /^ {2}2 +the command line is wrong$/m);
  });
});
