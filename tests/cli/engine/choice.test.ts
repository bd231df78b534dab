import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseCommandLine } from "../../../cli/command";
import { chooseEngine, engineRequest } from "../../../cli/engine/choose";
import { command as start } from "../../../cli/commands/start";
import { command as status } from "../../../cli/commands/status";
import { findPulumi } from "../../../cli/engine/pulumi-cli";
import { projectRoot as root } from "../../../cli/stack-option";
import { forgetEngine, recordedEngine, recordEngine } from "../../../cli/engine/records";

describe("the choice of the engine", () => {
  let projectRoot: string;
  let bin: string;
  let env: NodeJS.ProcessEnv;
  beforeEach(() => {
    projectRoot = mkdtempSync(path.join(tmpdir(), "talos-mesh-engine-"));
    bin = path.join(projectRoot, "bin");
    mkdirSync(bin);
    env = { PATH: bin, PULUMI_HOME: path.join(projectRoot, "none"), TALOS_MESH_CACHE: path.join(projectRoot, "cache") };
  });
  afterEach(() => rmSync(projectRoot, { recursive: true, force: true }));

  const cli = (version: string, folder = bin) => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, "pulumi"), `#!/bin/sh\necho v${version}\n`, { mode: 0o755 });
  };
  const choose = (requested?: "pulumi" | "embedded") =>
    chooseEngine({ projectRoot, stack: "dev", requested, install: false, env });

  it("is the Pulumi CLI on PATH, else in its own folder", async () => {
    cli("3.200.0");
    const { engine, reason } = await choose();
    assert.deepEqual([engine.name, engine.title, reason], ["pulumi", "Pulumi CLI 3.200.0", `found ${bin}/pulumi`]);
    rmSync(path.join(bin, "pulumi"));
    cli("3.201.0", path.join(projectRoot, "none", "bin"));
    assert.equal((await choose()).engine.title, "Pulumi CLI 3.201.0");
  });

  it("is the embedded runner where there is no CLI, and says so", async () => {
    const { engine, reason } = await choose();
    assert.deepEqual([engine.name, reason], ["embedded", "no Pulumi CLI is installed"]);
  });

  it("passes over a CLI that is too old or does not run, and says which", async () => {
    cli("3.2.0");
    assert.match((await choose()).reason, /bin\/pulumi is 3\.2\.0, older than 3\.\d+\.0/);
    writeFileSync(path.join(bin, "pulumi"), "#!/bin/sh\nexit 1\n");
    assert.deepEqual(await findPulumi(env), { problem: "no Pulumi CLI is installed" });
  });

  it("is what was asked for, or a message where that cannot be had", async () => {
    cli("3.200.0");
    assert.equal((await choose("embedded")).engine.name, "embedded");
    rmSync(path.join(bin, "pulumi"));
    await assert.rejects(choose("pulumi"), /no Pulumi CLI is installed.*\n.*pulumi\.com\/docs\/install/);
  });

  it("stays the one that has deployed the stack", async () => {
    cli("3.200.0");
    const project = { projectRoot, stack: "dev" };
    recordEngine(project, "embedded");
    assert.equal((await choose()).engine.name, "embedded");
    await assert.rejects(choose("pulumi"), /deployed by the embedded engine.*twice.\nRun `npm run destroy` first/);
    forgetEngine(project);
    assert.equal(recordedEngine(project), undefined);
    assert.equal((await choose()).engine.name, "pulumi");
  });

  it("reads its options from the command line, then the environment, and refuses what it does not know", () => {
    const parse = (argv: string[], env: NodeJS.ProcessEnv = {}) =>
      engineRequest(parseCommandLine(start, argv).values, env);
    assert.deepEqual(parse([]), {
      projectRoot: root,
      stack: "dev",
      configFile: path.join(root, "Pulumi.dev.yaml"),
      requested: undefined,
      yes: false,
    });
    const given = parse(["--stack", "x", "--config", "a/b.yaml", "--engine", "pulumi"], {
      TALOS_MESH_ENGINE: "embedded",
    });
    assert.deepEqual(given, {
      projectRoot: root,
      stack: "x",
      configFile: path.resolve("a/b.yaml"),
      requested: "pulumi",
      yes: false,
    });
    assert.equal(parse(["--yes"]).yes, true);
    assert.equal(parse(["-y"]).yes, true);
    assert.equal(parse([], { TALOS_MESH_ENGINE: "embedded" }).requested, "embedded");
    assert.throws(() => parse(["--engine", "other"]), /--engine "other": expected one of: pulumi, embedded/);
    assert.throws(() => parse([], { TALOS_MESH_ENGINE: "other" }), /TALOS_MESH_ENGINE "other"/);
    assert.throws(() => parse(["--stack", "../x"]), /--stack/);
    assert.throws(() => parse(["--force"]), /--force/);
    assert.throws(() => parse(["surplus"]), /surplus/);
    assert.throws(() => parseCommandLine(status, ["--yes"]), /--yes/, "status changes nothing");
  });
});
