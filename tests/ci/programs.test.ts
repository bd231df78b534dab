import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { removeTemporaryFolders, root, temporaryFolder } from "./support";

afterEach(removeTemporaryFolders);

/** Runs a script of `scripts/ci` in a folder, with the programs of its folder `bin` first. */
function run(script: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}) {
  const bin = path.join(cwd, "bin");
  if (existsSync(bin)) for (const program of readdirSync(bin)) chmodSync(path.join(bin, program), 0o755);
  const file = path.join(root, "scripts/ci", script);
  const [command = "", ...before] = script.endsWith(".ts")
    ? [process.execPath, "-r", path.join(root, "cli/bin/register.cjs"), file]
    : [file];
  const all = { ...process.env, GITHUB_ACTIONS: "", ...env, PATH: `${bin}:${process.env["PATH"]}` };
  return spawnSync(command, [...before, ...args], { cwd, env: all, encoding: "utf8" });
}

describe("install-tools.sh", () => {
  const talosctl = "#!/bin/sh\necho talosctl\n";
  const digest = createHash("sha256").update(talosctl).digest("hex");

  /** `curl`, which answers with the files of the folder `release`. */
  function install(checksums: string, ...tools: string[]) {
    const curl = '#!/usr/bin/env bash\necho "${@: -1}" >> "$ROOT/urls"\ncp "$ROOT/release/$(basename "${@: -1}")" .\n';
    const folder = temporaryFolder({
      "bin/curl": curl,
      "release/talosctl-linux-amd64": talosctl,
      "release/sha256sum.txt": checksums,
    });
    return { folder, ...run("install-tools.sh", ["tools", ...tools], folder, { ROOT: folder }) };
  }

  it("installs a program that agrees with the checksums of its release", () => {
    const { status, stderr, folder } = install(
      `${"0".repeat(64)}  other\n${digest}  talosctl-linux-amd64\n`,
      "talosctl=v1.13.9",
    );
    assert.equal(status, 0, stderr);
    assert.equal(spawnSync(path.join(folder, "tools/talosctl"), { encoding: "utf8" }).stdout, "talosctl\n");
    const urls = readFileSync(path.join(folder, "urls"), "utf8").split("\n");
    assert.equal(urls[0], "https://github.com/siderolabs/talos/releases/download/v1.13.9/talosctl-linux-amd64");
  });

  for (const [what, checksums] of [
    ["another checksum", `${"0".repeat(64)}  talosctl-linux-amd64\n`],
    ["no checksum", `${digest}  talosctl-linux-arm64\n`],
  ] as const) {
    it(`installs nothing that has ${what}`, () => {
      const { status, folder } = install(checksums, "talosctl=v1.13.9");
      assert.notEqual(status, 0);
      assert.ok(!existsSync(path.join(folder, "tools/talosctl")));
    });
  }

  it("refuses other programs", () => {
    const { status, stderr } = install("", "kubectl=v1.36.3");
    assert.equal(status, 2);
    assert.match(stderr, /^kubectl=v1\.36\.3: expected pulumi=VERSION or talosctl=VERSION\n/);
  });
});

describe("release.sh", () => {
  const changelog =
    "# Changelog\n\n## [Unreleased]\n\n- later\n\n## [1.2.0] - 2026-12-01\n\n- new\n\n## [1.1.0]\n\n- old\n";

  function release(tag: string, text = changelog) {
    const folder = temporaryFolder({
      "package.json": JSON.stringify({ name: "example", version: "1.2.0", private: true }),
      "package-lock.json": JSON.stringify({
        ...{ name: "example", version: "1.2.0", lockfileVersion: 3 },
        packages: { "": { name: "example", version: "1.2.0" } },
      }),
      "CHANGELOG.md": text,
    });
    mkdirSync(path.join(folder, "node_modules"));
    return { folder: path.join(folder, "out"), ...run("release.sh", [tag, "out"], folder) };
  }

  it("has the section of the changelog, the package, its SBOM and their checksums", () => {
    const { status, stderr, folder } = release("v1.2.0");
    assert.equal(status, 0, stderr);
    const read = (file: string) => readFileSync(path.join(folder, file), "utf8");
    assert.equal(read("notes.md").trim(), "- new");
    assert.equal((JSON.parse(read("sbom.cdx.json")) as { bomFormat: string }).bomFormat, "CycloneDX");
    assert.match(
      read("checksums.txt"),
      /^[0-9a-f]{64} {2}\.\/example-1\.2\.0\.tgz\n[0-9a-f]{64} {2}sbom\.cdx\.json\n$/,
    );
    assert.equal(spawnSync("sha256sum", ["--check", "checksums.txt"], { cwd: folder }).status, 0);
  });

  it("is refused for a tag of another version", () => {
    const { status, stderr } = release("v1.3.0");
    assert.equal(status, 1);
    assert.match(stderr, /the tag is v1\.3\.0, and package\.json has version 1\.2\.0/);
  });

  it("is refused without a changelog of the version", () => {
    const { status, stderr } = release("v1.2.0", "## [Unreleased]\n\n- later\n\n## [1.2.0]\n\n## [1.1.0]\n\n- old\n");
    assert.equal(status, 1);
    assert.match(stderr, /CHANGELOG\.md has no text below "## \[1\.2\.0\]"/);
  });
});

describe("the benchmark of a deployment", () => {
  const report = (identity: string) =>
    JSON.stringify({
      ...{ schemaVersion: 2, identity, finishedAt: "now" },
      environment: {},
      plan: { arms: [] },
      figures: [],
    });

  /** `npm run bench`, which writes a report and ends with this exit code. */
  function measure({ exitCode = 0, baseline = "", config = "  talos-mesh:benchmark: {}\n" } = {}) {
    const npm = `#!/usr/bin/env bash
echo "$*"
mkdir -p .talos-mesh/staging/benchmark/new
cp report.json .talos-mesh/staging/benchmark/new/report.json
echo "# Cost" > .talos-mesh/staging/benchmark/new/report.md
exit ${exitCode}
`;
    const folder = temporaryFolder({
      "bin/npm": npm,
      "report.json": report("new"),
      summary: "",
      "Pulumi.staging.yaml": `config:\n  talos-mesh:mesh: {}\n${config}`,
    });
    const file = path.join(folder, "kept/report.json");
    mkdirSync(path.dirname(file));
    if (baseline !== "") writeFileSync(file, baseline);
    const env = { GITHUB_STEP_SUMMARY: path.join(folder, "summary") };
    const result = run("benchmark.ts", ["staging", "kept/report.json"], folder, env);
    const kept = existsSync(file) ? readFileSync(file, "utf8") : undefined;
    return { ...result, kept, summary: readFileSync(env.GITHUB_STEP_SUMMARY, "utf8") };
  }

  it("makes the first report the baseline", () => {
    const { status, stdout, kept, summary } = measure();
    assert.equal(status, 0);
    assert.match(stdout, /^There is no baseline yet\.\nrun --silent bench -- --stack staging\n/);
    assert.equal(kept, report("new"));
    assert.equal(summary, "# Cost\n\n\n");
  });

  it("compares with the baseline, and replaces it where every budget is met", () => {
    const { stdout, kept } = measure({ baseline: report("old") });
    assert.match(stdout, /^run --silent bench -- --stack staging --baseline \/.*\/kept\/report\.json\n/);
    assert.equal(kept, report("new"));
  });

  it("keeps the baseline, and fails, where a budget is exceeded", () => {
    const { status, kept, summary } = measure({ baseline: report("old"), exitCode: 1 });
    assert.equal(status, 1);
    assert.equal(kept, report("old"));
    assert.match(summary, /# Cost/);
  });

  it("measures without a baseline of another form, and says so", () => {
    const { status, stdout, kept } = measure({ baseline: '{"schemaVersion": 1}' });
    assert.equal(status, 0);
    assert.match(
      stdout,
      /^The baseline cannot be compared with: .*schema version 2\nrun --silent bench -- --stack staging\n/,
    );
    assert.equal(kept, report("new"));
  });

  it("measures nothing in a stack without talos-mesh:benchmark", () => {
    const { status, stdout } = measure({ config: "" });
    assert.equal(status, 0);
    assert.equal(stdout, "staging has no talos-mesh:benchmark; nothing was measured\n");
  });
});
