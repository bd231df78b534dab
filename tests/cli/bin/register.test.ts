import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { projectRoot } from "../../support/program";

function run(script: string): string {
  const args = ["--require", "./cli/bin/register.cjs", "-e", script];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: projectRoot, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout.trim();
}

describe("the Pulumi SDK, as the project loads it", () => {
  // Together they are more than half of a preview's loading time.
  it("leaves out what no run of this program uses, also in the program that the CLI starts", () => {
    const loaded = run(`
      process.argv.length = 1;
      require("@pulumi/pulumi"), require("@pulumi/pulumi/cmd/run/tracing.js");
      console.log(Object.keys(require.cache).join("\\n"));
    `).split("\n");
    assert.ok(loaded.length > 100);
    const unused =
      /node_modules\/(typescript\/lib|@npmcli|source-map-support|@opentelemetry\/(exporter|sdk|instr)[^/]*|@pulumi\/pulumi\/automation)\//;
    assert.deepEqual(
      loaded.filter((file) => unused.test(file)),
      [],
    );
  });

  it("loads each of it at its first use", () => {
    const script = `
      const { automation } = require("@pulumi/pulumi");
      const { LocalWorkspace } = automation;
      const { start } = require("@pulumi/pulumi/cmd/run/tracing.js");
      start("http://127.0.0.1:9411/api/v2/spans");
      console.log(typeof LocalWorkspace.create, Object.keys(require.cache).some((file) => /exporter-zipkin/.test(file)));
      process.exit();
    `;
    assert.equal(run(script), "function true");
  });
});
