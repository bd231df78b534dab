import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { pulumiEngine } from "../../../cli/engine/pulumi";
import { recordedEngine } from "../../../cli/engine/records";
import { recordingObserver } from "../../embedded/engine/support/observer";

const cli = { path: path.resolve(__dirname, "../../support/fake-pulumi.cjs"), version: "3.250.0" };

describe("the engine of the Pulumi CLI", () => {
  let projectRoot: string;
  const before = { ...process.env };
  const engine = pulumiEngine(cli);

  beforeEach(() => {
    projectRoot = mkdtempSync(path.join(tmpdir(), "talos-mesh-pulumi-"));
    writeFileSync(path.join(projectRoot, "Pulumi.yaml"), "name: demo\nruntime: nodejs\n");
    stackFile({ kind: "existing" });
    process.env.FAKE_PULUMI_CALLS = path.join(projectRoot, "calls");
    for (const name of ["PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"]) {
      delete process.env[name];
    }
  });
  afterEach(() => {
    rmSync(projectRoot, { recursive: true });
    process.env = { ...before };
  });

  const configFile = () => path.join(projectRoot, "Pulumi.dev.yaml");
  const stackFile = (cluster: object) =>
    writeFileSync(
      configFile(),
      stringify({ config: { "talos-mesh:environment": "dev", "talos-mesh:cluster": cluster } }),
    );
  const run = () => ({
    projectRoot,
    stack: "dev",
    configFile: configFile(),
    yes: false,
    observer: recordingObserver(),
  });
  const stateFile = () => path.join(projectRoot, ".talos-mesh/pulumi/.pulumi/stacks/demo/dev.json");

  /** The commands of the CLI that a piece of work runs, without their further options. */
  const calls = async (work: () => Promise<unknown>) => {
    rmSync(path.join(projectRoot, "calls"), { force: true });
    await work();
    const file = path.join(projectRoot, "calls");
    const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
    return lines.map((line) =>
      line.replace(/ --(stack|suppress-outputs|event-log|non-interactive|show-secrets).*/, ""),
    );
  };

  it("deploys by one `up` on the terminal, and reports what changed and the outputs", async () => {
    const first = run();
    assert.deepEqual(await calls(() => engine.deploy(first)), ["stack select dev --create", "up --yes --skip-preview"]);
    assert.deepEqual([...first.observer.changes], [["Namespace shop", "created"]]);
    assert.equal(recordedEngine(first), "pulumi");
    const second = run();
    assert.deepEqual(await engine.deploy(second), { url: "http://shop", password: "[secret]" });
    assert.deepEqual([...second.observer.changes], [["Namespace shop", "unchanged"]]);
    assert.ok(!readdirSync(path.join(projectRoot, ".talos-mesh/dev")).includes("tmp"), "temporary files are removed");
  });

  it("starts an embedded cluster that does not run, then compares the state with it", async () => {
    stackFile({ kind: "embedded", name: "demo" });
    await engine.deploy(run());
    assert.deepEqual(await calls(() => engine.deploy(run())), [
      "up --target **:EmbeddedCluster** --yes --skip-preview",
      "up --refresh --yes --skip-preview",
    ]);
  });

  it("keeps what a failed deployment has deployed, and forgets a stack of which there is nothing", async () => {
    writeFileSync(path.join(projectRoot, "fails"), "at once");
    await assert.rejects(engine.deploy(run()), /`pulumi up` did not finish; its messages are above\.$/);
    assert.ok(!existsSync(path.join(projectRoot, ".talos-mesh")));
    writeFileSync(path.join(projectRoot, "fails"), "later");
    const failed = run();
    await assert.rejects(engine.deploy(failed), /`pulumi up` did not finish/);
    assert.deepEqual([...failed.observer.changes], [["Namespace shop", "failed"]]);
    assert.equal(recordedEngine(failed), "pulumi");
  });

  it("repairs what a killed CLI has left: its lock and its pending operations", async () => {
    await engine.deploy(run());
    const lock = path.join(projectRoot, ".talos-mesh/pulumi/.pulumi/locks/organization/demo/dev/1.json");
    const state = JSON.parse(readFileSync(stateFile(), "utf8")) as { resources: { urn: string }[] };
    const pending = [{ type: "creating", resource: state.resources[0] }];
    const creating = path.join(projectRoot, ".talos-mesh/dev/creating");
    writeFileSync(stateFile(), JSON.stringify({ ...state, pending_operations: pending }));
    mkdirSync(path.dirname(lock), { recursive: true });
    writeFileSync(lock, JSON.stringify({ pid: 99_999_999 }));
    const next = run();
    const ran = await calls(() => engine.deploy(next));
    assert.deepEqual(ran.slice(0, 2), ["stack export", "stack import --file"]);
    assert.deepEqual(next.observer.notes, ["The last run was interrupted at shop."]);
    assert.ok(!existsSync(lock));
    assert.ok(!readFileSync(stateFile(), "utf8").includes("creating"));
    // The fake CLI runs no program, which would remove the list once it has ended well.
    assert.equal(readFileSync(creating, "utf8"), `${state.resources[0]?.urn}\n`);
  });

  it("shows the status without printing or changing anything", async () => {
    assert.equal(await engine.status(run()), undefined);
    await engine.deploy(run());
    const status = await engine.status(run());
    assert.deepEqual(status?.findings, [
      { layer: "platform", label: "Namespace shop", kind: "object", state: "as deployed" },
    ]);
    assert.deepEqual(status?.outputs, { url: "http://shop", password: "[secret]" });
  });

  it("destroys the stack and removes every record of it", async () => {
    assert.equal(await engine.destroy(run()), false);
    await engine.deploy(run());
    const destroy = run();
    assert.deepEqual(await calls(() => engine.destroy(destroy)), ["destroy --yes --skip-preview"]);
    assert.deepEqual([...destroy.observer.changes], [["Namespace shop", "deleted"]]);
    assert.ok(!existsSync(path.join(projectRoot, ".talos-mesh")));
  });
});
