import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, lstatSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse, stringify } from "yaml";
import { projectRoot } from "../../support/program";

describe("npm run upgrade", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-upgrade-test-"))));
  after(() => rmSync(folder, { recursive: true }));

  /** Without a Pulumi CLI, unless `env` has one. */
  function upgrade(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const entry = path.join(projectRoot, "cli/bin/talos-mesh.cjs");
    const home = { HOME: folder, PULUMI_HOME: folder, TALOS_MESH_CACHE: folder, PATH: "/usr/bin:/bin" };
    const { status, stdout, stderr } = spawnSync(process.execPath, [entry, "upgrade", ...args], {
      cwd: folder,
      env: { ...process.env, npm_lifecycle_event: undefined, INIT_CWD: undefined, ...home, ...env },
      encoding: "utf8",
    });
    return { status, stdout, stderr };
  }

  /** A shipped stack file, some sections replaced; comments are kept where none is. */
  function stackFile(from: string, name: string, sections?: Readonly<Record<string, object>>): string {
    const file = path.join(folder, `Pulumi.${name}.yaml`);
    const text = readFileSync(path.join(projectRoot, `Pulumi.${from}.yaml`), "utf8");
    const { config } = parse(text) as { config: Record<string, object> };
    for (const [key, value] of Object.entries(sections ?? {})) config[key] = { ...config[key], ...value };
    writeFileSync(file, sections ? stringify({ config }) : text);
    return file;
  }

  const read = (file: string) => readFileSync(file, "utf8");

  it("changes the version alone, says the steps, and shows what is rendered otherwise", () => {
    const file = stackFile("dev", "one");
    const before = read(file);
    chmodSync(file, 0o640);
    const { status, stdout, stderr } = upgrade(["--config", file, "--istio", "v1.30.3", "--yes"]);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.equal(read(file), before.replace("version: 1.31.1", "version: 1.30.3"));
    assert.equal(statSync(file).mode & 0o777, 0o640);
    assert.match(
      stdout,
      /Istio 1\.31\.1 -> 1\.30\.3, .*Pulumi\.one\.yaml:20\n- version: 1\.31\.1\n\+ version: 1\.30\.3\n/,
    );
    assert.match(stdout, /2\. Istio's CRDs, then istiod 1\.30\.3\n {5}traffic: /);
    assert.match(stdout, /No `pulumi preview`: no Pulumi CLI is installed\./);
    assert.match(stdout, / {2}~ releases\.json\n/);
  });

  it("writes through a link, and leaves the link", () => {
    const [file, link] = [stackFile("dev", "linked"), path.join(folder, "Pulumi.link.yaml")];
    symlinkSync(file, link);
    assert.equal(upgrade(["--config", link, "--istio", "1.30.3", "--yes"]).status, 0);
    assert.ok(lstatSync(link).isSymbolicLink());
    assert.match(read(file), /version: 1\.30\.3/);
  });

  it("writes nothing for a dry run, without a confirmation, and where there is nothing to change", () => {
    const file = stackFile("dev", "same");
    const before = read(file);
    assert.equal(upgrade(["--config", file, "--istio", "1.30.3", "--dry-run"]).status, 0);
    const unconfirmed = upgrade(["--config", file, "--istio", "1.30.3"]);
    assert.equal(unconfirmed.status, 1);
    assert.match(unconfirmed.stderr, /There is no terminal to confirm on; pass --yes/);
    const same = upgrade(["--config", file, "--istio", "1.31.1", "--yes"]);
    assert.deepEqual([same.status, same.stdout.includes("nothing to change")], [0, true]);
    assert.equal(read(file), before);
  });

  const refusals: readonly (readonly [
    name: string,
    from: string,
    args: readonly string[],
    message: RegExp,
    more?: object,
  ])[] = [
    [
      "a skipped minor version of Istio",
      "dev",
      ["--istio", "1.29.1"],
      /one minor version at a time\.\nNext: npm run upgrade -- --stack refused --istio 1\.30\.3\n/,
    ],
    ["a skipped minor version of Talos", "article", ["--talos", "v1.9.6"], /Next: .* --talos v1\.8\.4\n/],
    [
      "a skipped minor version of Kubernetes",
      "article",
      ["--kubernetes", "v1.31.2"],
      /Next: .* --kubernetes v1\.30\.x, its newest patch release/,
    ],
    ["a downgrade of Talos", "production", ["--talos", "v1.12.11"], /Talos does not downgrade/],
    ["a downgrade of Kubernetes", "production", ["--kubernetes", "v1.35.2"], /Kubernetes does not downgrade/],
    ["another major version", "dev", ["--istio", "2.0.0"], /another major version/],
    [
      "versions that do not go together, with all problems",
      "production",
      ["--kubernetes", "v1.37.0"],
      /2 problems in [^]*Istio 1\.31\.1, which supports[^]*Talos v1\.13\.9, which supports/,
    ],
    ["a release that is not known", "dev", ["--istio", "1.32.0"], /found 1\.32\.0; expected Istio 1\.22 to 1\.31/],
    ["Talos of simulated nodes", "dev", ["--talos", "v1.14.0"], /whose nodes do not run Talos/],
    [
      "an upgrade during a canary",
      "dev",
      ["--istio", "1.30.3"],
      /an upgrade by canary is under way/,
      { "talos-mesh:mesh": { canary: { version: "1.31.0", revision: "x" } } },
    ],
    [
      "the Kubernetes of an existing cluster",
      "dev",
      ["--kubernetes", "v1.36.1"],
      /does not upgrade it/,
      { "talos-mesh:cluster": { kind: "existing" } },
    ],
    [
      "a cluster of another stack",
      "dev",
      ["--kubernetes", "v1.36.1"],
      /belongs to the stack a\/b\/c; upgrade Kubernetes there/,
      { "talos-mesh:cluster": { stackReference: "a/b/c" } },
    ],
    [
      "a file without the version",
      "dev",
      ["--istio", "1.31.1"],
      /found no version of Istio/,
      { "talos-mesh:mesh": { version: 3 } },
    ],
  ];
  for (const [name, from, args, message, sections] of refusals) {
    it(`refuses ${name}, and writes nothing`, () => {
      const file = stackFile(from, "refused", sections as Record<string, object> | undefined);
      const before = read(file);
      const { status, stderr } = upgrade(["--config", file, ...args, "--yes"]);
      assert.equal(status, 1, stderr);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /fault in talos-mesh/);
      assert.equal(read(file), before);
    });
  }

  it("takes exactly one version", () => {
    const file = stackFile("dev", "usage");
    for (const args of [[], ["--istio", "1.30.3", "--kubernetes", "v1.36.1"], ["--istio", "latest"]]) {
      assert.equal(upgrade(["--config", file, ...args]).status, 2);
    }
  });

  it("says what is disturbed and what cannot be undone", () => {
    const talos = upgrade(["--config", stackFile("production", "steps"), "--talos", "1.14.0", "--dry-run"]).stdout;
    assert.match(talos, /3 control planes, one at a time: .*each after a snapshot of etcd in \.\/snapshots\n/);
    assert.match(talos, /3 workers, one at a time: drain, install, reboot\n {5}traffic: DISTURBED/);
    assert.match(talos, /\nCannot be undone by the stack file: Talos is not downgraded/);
    const docker = upgrade(["--config", stackFile("laptop", "docker"), "--kubernetes", "v1.36.4", "--dry-run"]).stdout;
    assert.match(docker, /destroyed and created again\n {5}traffic: LOST/);
    const ambient = stackFile("staging", "ambient", {
      "talos-mesh:mesh": {
        version: "1.30.3",
        profile: "ambient",
        dataPlane: "ambient",
        outboundTrafficPolicy: "ALLOW_ANY",
        waypoints: [{ namespace: "bookinfo", ingress: true }],
      },
      "talos-mesh:traffic": { services: [] },
    });
    const { stdout, stderr } = upgrade(["--config", ambient, "--istio", "1.31.1", "--dry-run"]);
    assert.match(stdout, /ztunnel, one node at a time\n {5}traffic: DISTURBED/, stderr);
    assert.doesNotMatch(stdout, /pods with a sidecar/);
    assert.match(stdout, /Can be undone: `npm run upgrade` with 1\.30\.3/);
  });

  it("ends with the preview of the Pulumi CLI where it has deployed the stack, and with its exit code", () => {
    const file = stackFile("dev", "cli");
    const bin = path.join(folder, "bin");
    const pulumi = path.join(bin, "pulumi");
    rmSync(bin, { recursive: true, force: true });
    spawnSync("mkdir", [bin]);
    const script = (preview: string) =>
      writeFileSync(
        pulumi,
        `#!/bin/sh\ncase "$*" in version*) echo v3.250.0;; "stack output"*) echo '{}';; preview*) ${preview};; esac\n`,
        { mode: 0o755 },
      );
    const env = { PATH: `${bin}:/usr/bin:/bin` };
    script('echo "preview $*"');
    const shown = upgrade(["--config", file, "--istio", "1.30.3", "--yes"], env);
    assert.deepEqual([shown.status, shown.stderr], [0, ""]);
    assert.match(shown.stdout, /preview preview --stack cli --config-file .*Pulumi\.cli\.yaml\n$/);
    script("echo no >&2; exit 255");
    const failed = upgrade(["--config", file, "--istio", "1.31.1", "--yes"], env);
    assert.equal(failed.status, 1);
    assert.match(
      failed.stderr,
      /no\n.*The preview failed; .*Pulumi\.cli\.yaml has the new version, and nothing was deployed/s,
    );
  });
});
