import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Command, runCommand } from "../../cli/command";
import { projectRoot } from "../support/program";

/** Every command that reads a stack file, with what else it needs. `destroy` works without one. */
const commands: Readonly<Record<string, readonly string[]>> = {
  start: [],
  status: [],
  render: ["--out", path.join(tmpdir(), "talos-mesh-none")],
  images: [],
  bench: [],
  proxies: [],
  dashboard: ["kiali"],
  "talos-diff": [],
  "talos-config": [],
};
const subcommands: Readonly<Record<string, readonly string[]>> = {
  "policies explain": ["--from", "a", "--to", "b"],
  "policies plaintext": [],
  "profile dump": ["demo"],
};

const problems = [
  'talos-mesh:environment: found "prod"; expected one of: dev, staging, production',
  'talos-mesh:mesh.mtls: found "SOMETIMES"',
  "talos-mesh:traffic.services[0].subsets[0]",
];

describe("a stack file with problems", () => {
  let folder: string;
  let config: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-front-door-"));
    config = path.join(folder, "Pulumi.bad.yaml");
    writeFileSync(
      config,
      [
        "config:",
        "  talos-mesh:environment: prod",
        "  talos-mesh:cluster: { kind: embedded, name: bad }",
        "  talos-mesh:mesh: { version: 1.31.1, mtls: SOMETIMES }",
        "  talos-mesh:bookinfo: {}",
        "  talos-mesh:traffic:",
        "    services: [{ host: reviews, subsets: [v9] }]",
        "",
      ].join("\n"),
    );
  });
  after(() => rmSync(folder, { recursive: true }));

  const load = (name: string) => {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- the test has a list of names
    return (require(path.join(projectRoot, "cli/commands", `${name}.ts`)) as { command: Command }).command;
  };
  const messageOf = async (name: string, argv: readonly string[]): Promise<string> => {
    const error = await runCommand(load(name), [...argv, "--config", config]).then(
      (code) => new Error(`exit code ${code}`),
      (thrown: unknown) => thrown as Error,
    );
    return error.message;
  };

  for (const [typed, argv] of [...Object.entries(commands), ...Object.entries(subcommands)]) {
    it(`is refused by ${typed} with all of them in one message, before anything else`, async () => {
      const [name = "", ...below] = typed.split(" ");
      const message = await messageOf(name, [...below, ...argv]);
      for (const problem of problems) assert.ok(message.includes(problem), message);
    });
  }

  it("costs `npm start` neither tools nor records", () => {
    const cache = path.join(folder, "cache");
    const before = readdirSync(projectRoot);
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["cli/bin/talos-mesh.cjs", "start", "--config", config, "--stack", "front-door"],
      { cwd: projectRoot, env: { ...process.env, TALOS_MESH_CACHE: cache }, encoding: "utf8" },
    );
    assert.deepEqual([status, stdout], [1, ""]);
    for (const problem of problems) assert.ok(stderr.includes(problem), stderr);
    assert.ok(!existsSync(cache));
    assert.deepEqual(readdirSync(projectRoot), before);
  });
});
