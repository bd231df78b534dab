import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse, stringify } from "yaml";
import { officialCharts } from "../../../components/settings/versions";
import { projectRoot } from "../../support/program";

const preload = path.join(__dirname, "nothing-outside.cjs");

interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe("npm run render", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-render-"))));
  after(() => rmSync(folder, { recursive: true }));

  function render(args: readonly string[], environment: NodeJS.ProcessEnv = {}, cwd = projectRoot): Result {
    const entry = path.join(projectRoot, "cli/bin/talos-mesh.cjs");
    const env = { ...process.env, npm_lifecycle_event: undefined, INIT_CWD: undefined, ...environment };
    return spawnSync(process.execPath, ["-r", preload, entry, "render", ...args], { cwd, env, encoding: "utf8" });
  }

  const contents = (out: string): Record<string, string> =>
    Object.fromEntries(readdirSync(out).map((file) => [file, readFileSync(path.join(out, file), "utf8")]));

  /** The dev stack with some sections replaced. */
  function stackFile(name: string, sections: Record<string, unknown>): string {
    const dev = parse(readFileSync(path.join(projectRoot, "Pulumi.dev.yaml"), "utf8")) as { config: object };
    const file = path.join(folder, name);
    writeFileSync(file, stringify({ config: { ...dev.config, ...sections } }));
    return file;
  }

  it("writes dev with no network and no other process, the same bytes each time", () => {
    const [first, second] = [path.join(folder, "first"), path.join(folder, "second")];
    for (const out of [first, second]) {
      const { status, stderr } = render(["--stack", "dev", "--out", out]);
      assert.equal(stderr, "");
      assert.equal(status, 0);
    }
    assert.deepEqual(contents(first), contents(second));
    const files = Object.keys(contents(first));
    for (const expected of ["releases.json", "commands.json", "core_namespace_bookinfo.yaml"]) {
      assert.ok(files.includes(expected), `${expected} is missing from ${files.join(", ")}`);
    }
    const releases = JSON.parse(contents(first)["releases.json"] ?? "") as { chart: string; repo?: string }[];
    const istiod = releases.find(({ chart }) => chart === "istiod");
    assert.equal(istiod?.repo, officialCharts, "auto takes the official repository without looking for it");
  });

  it("takes a stack file from another folder, relative to where the command was typed", () => {
    stackFile("Pulumi.elsewhere.yaml", {});
    const direct = render(["--stack", "dev", "--config", "Pulumi.elsewhere.yaml", "--out", "a"], {}, folder);
    assert.deepEqual([direct.stderr, direct.status], ["", 0]);
    const throughNpm = { npm_lifecycle_event: "render", INIT_CWD: folder };
    const viaNpm = render(["--stack", "dev", "--config", "Pulumi.elsewhere.yaml", "--out", "b"], throughNpm);
    assert.deepEqual([viaNpm.stderr, viaNpm.status], ["", 0]);
    assert.deepEqual(contents(path.join(folder, "a")), contents(path.join(folder, "b")));
  });

  it("gives the settings' own message for a bad file, and leaves an earlier render alone", () => {
    const out = path.join(folder, "kept");
    assert.equal(render(["--stack", "dev", "--out", out]).status, 0);
    const before = contents(out);
    const config = stackFile("bad.yaml", { "talos-mesh:mesh": { version: "1.31.1", mtls: "SOMETIMES" } });
    const { status, stderr } = render(["--stack", "dev", "--config", config, "--out", out]);
    assert.equal(status, 1);
    assert.match(stderr, /talos-mesh:mesh\.mtls: .*SOMETIMES/);
    assert.doesNotMatch(stderr, /^ +at /m, "no stack trace for a fault of the user's");
    assert.equal(stderr.match(/SOMETIMES/g)?.length, 1, "said once");
    assert.deepEqual(contents(out), before);
  });

  it("names file and line of what is not YAML", () => {
    const file = path.join(folder, "broken.yaml");
    writeFileSync(file, "config:\n  talos-mesh:environment: [dev\n");
    const { status, stderr } = render(["--stack", "dev", "--config", file, "--out", path.join(folder, "none")]);
    assert.equal(status, 1);
    assert.ok(stderr.startsWith(`1 problem in ${file}:\n  ${file}:`), stderr);
    assert.doesNotMatch(stderr, /^ +at /m);
  });

  it("lists the stacks there are when asked for another", () => {
    const { status, stderr } = render(["--stack", "prod", "--out", path.join(folder, "none")]);
    assert.equal(status, 1);
    assert.match(stderr, /Pulumi\.prod\.yaml does not exist\. The stacks of this project are: .*\bdev\b/);
  });

  it("answers wrong options with its usage and exit code 2", () => {
    for (const args of [
      [],
      ["--stack", "dev"],
      ["--out", "x"],
      ["--stack", "dev", "--out", "x", "--fast"],
      ["extra"],
    ]) {
      const { status, stderr } = render(args);
      assert.equal(status, 2, args.join(" "));
      assert.match(stderr, /Usage: npm run render --/);
    }
  });
});
