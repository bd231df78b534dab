import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { projectRoot } from "../../support/program";

/** An npm that notes each call and leaves behind what `npm ci` would. */
const fakeNpm = `
const fs = require("node:fs");
fs.appendFileSync("npm-calls", process.argv.slice(2).join(" ") + "\\n");
if (fs.existsSync("npm-fails")) { console.error("npm error 404 no such package"); process.exit(1); }
fs.mkdirSync("node_modules", { recursive: true });
fs.copyFileSync("package-lock.json", "node_modules/.package-lock.json");
for (const name of ["ts-node", "typescript", "@types", "commander"]) {
  try { fs.symlinkSync(${JSON.stringify(path.join(projectRoot, "node_modules"))} + "/" + name, "node_modules/" + name); } catch {}
}`;

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe("the entry of every npm script", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), "talos-mesh-entry-"));
    cpSync(path.join(projectRoot, "cli/bin"), path.join(root, "cli/bin"), { recursive: true });
    for (const file of ["package.json", "tsconfig.json", "cli/command.ts", "components/shared/own.ts"]) {
      cpSync(path.join(projectRoot, file), path.join(root, file));
    }
    for (const folder of ["cli/commands", "scripts"]) {
      cpSync(path.join(projectRoot, folder), path.join(root, folder), { recursive: true });
    }
    writeFileSync(path.join(root, "npm-cli.js"), fakeNpm);
    lockFile("1.0.0");
    command("status", "return values.length;");
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function lockFile(version: string): void {
    const packages = { "": {}, "node_modules/a": { version }, "node_modules/other-os": { version, optional: true } };
    writeFileSync(path.join(root, "package-lock.json"), JSON.stringify({ packages }));
  }

  function command(name: string, body: string): void {
    const options = '{ stack: { value: "name", text: "" }, out: { value: "file", text: "" }, yes: { text: "" } }';
    const values = '{ values: { text: "", optional: true, repeated: true } }';
    const run = `async run({ values = [] }: { values?: string[] }): Promise<number> { ${body} }`;
    const source = `export const command = { name: "${name}", summary: "", options: ${options}, arguments: ${values}, ${run} };\n`;
    writeFileSync(path.join(root, `cli/commands/${name}.ts`), source);
  }

  function run(...args: readonly string[]): Promise<Result> {
    return runWith({}, ...args);
  }

  function runWith(more: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<Result> {
    const env = { ...process.env, npm_execpath: path.join(root, "npm-cli.js"), ...more };
    const child = spawn(process.execPath, ["cli/bin/talos-mesh.cjs", ...args], { cwd: root, env });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, stdout, stderr }));
    });
  }

  function npmCalls(): string[] {
    const file = path.join(root, "npm-calls");
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  }

  it("installs on a clean clone, says nothing, and hands arguments and exit code through", async () => {
    assert.deepEqual(await run("status", "a", "b", "c"), { code: 3, stdout: "", stderr: "" });
    assert.equal(npmCalls().length, 1);
    assert.match(npmCalls()[0] ?? "", /^ci /);
  });

  it("installs again only for another lock file", async () => {
    await run("status");
    await run("status");
    assert.equal(npmCalls().length, 1);
    lockFile("2.0.0");
    assert.equal((await run("status")).code, 0);
    assert.equal(npmCalls().length, 2);
  });

  it("takes what npm itself has installed from this lock file as it is", async () => {
    await run("status");
    rmSync(path.join(root, "node_modules/.talos-mesh-lock"));
    await run("status");
    assert.equal(npmCalls().length, 1);
  });

  it("installs once when two begin at the same time", async () => {
    const results = await Promise.all([run("status"), run("status"), run("status")]);
    assert.deepEqual(
      results.map(({ code, stderr }) => [code, stderr]),
      [
        [0, ""],
        [0, ""],
        [0, ""],
      ],
    );
    assert.equal(npmCalls().length, 1);
  });

  it("takes over from an installation that was killed", async () => {
    mkdirSync(path.join(root, ".talos-mesh"));
    // A process number that no system gives out.
    writeFileSync(path.join(root, ".talos-mesh/install.pid"), "99999999");
    assert.equal((await run("status")).code, 0);
    assert.equal(npmCalls().length, 1);
    assert.ok(!existsSync(path.join(root, ".talos-mesh/install.pid")));
  });

  it("takes over from an installation whose process number another program has now, or a zombie", async () => {
    mkdirSync(path.join(root, ".talos-mesh"));
    const bystander = spawn("sleep", ["600"]);
    await once(bystander, "spawn");
    try {
      writeFileSync(path.join(root, ".talos-mesh/install.pid"), String(bystander.pid));
      assert.equal((await run("status")).code, 0);
      assert.equal(npmCalls().length, 1);
    } finally {
      bystander.kill();
    }
  });

  it("shows npm's own messages when installing fails, and tries again the next time", async () => {
    writeFileSync(path.join(root, "npm-fails"), "");
    const { code, stderr } = await run("status");
    assert.equal(code, 1);
    assert.match(stderr, /npm error 404 no such package\nnpm ci failed \(exit code 1\)/);
    rmSync(path.join(root, "npm-fails"));
    assert.equal((await run("status")).code, 0);
  });

  it("prints the message alone of an error that is meant for people", async () => {
    command("status", 'throw Object.assign(new Error("x"), { userMessage: "port 8080 is in use" });');
    assert.deepEqual(await run("status"), { code: 1, stdout: "", stderr: "port 8080 is in use\n" });
    command("status", 'throw Object.assign(new Error("mesh.mtls: found 3"), { name: "SettingsError" });');
    assert.deepEqual(await run("status"), { code: 1, stdout: "", stderr: "mesh.mtls: found 3\n" });
  });

  it("prints the stack of any other error, its cause, and whose fault it is", async () => {
    command("status", 'throw new Error("surprise", { cause: new Error("deeper") });');
    const { code, stderr } = await run("status");
    assert.equal(code, 1);
    assert.match(stderr, /Error: surprise\n +at .*status\.ts/);
    assert.match(stderr, /caused by: Error: deeper/);
    assert.match(stderr, /This is a fault in talos-mesh/);
  });

  it("refuses an option that npm consumed, with the command that was meant", async () => {
    await run("status");
    const refused: [NodeJS.ProcessEnv, string[], RegExp][] = [
      [{ npm_config_stack: "production" }, [], /npm consumed --stack; .*\n {2}npm run status -- --stack production\n$/],
      // npm run destroy --stack production
      [{ npm_config_stack: "true" }, ["production"], /\n {2}npm run status -- --stack production\n$/],
      [
        { npm_config_stack: "a", npm_config_out: "b" },
        ["--yes"],
        /--stack and --out; .*\n.*-- --stack a --out b --yes\n$/,
      ],
      [{ npm_config_stack: "true", npm_config_out: "true" }, ["a", "b"], / -- --stack \.\.\. --out \.\.\.\n$/],
    ];
    for (const [env, args, message] of refused) {
      const { code, stderr } = await runWith(env, "status", ...args);
      assert.equal(code, 2);
      assert.match(stderr, message);
    }
    assert.equal(npmCalls().length, 1);
  });

  it("runs the command in the folder where npm was called", async () => {
    command("status", "console.log(process.cwd()); return 0;");
    const elsewhere = path.join(root, "scripts");
    const inNpm = await runWith({ npm_lifecycle_event: "status", INIT_CWD: elsewhere }, "status");
    assert.equal(inNpm.stdout, `${elsewhere}\n`);
    const belowAnotherScript = await runWith({ npm_lifecycle_event: "test", INIT_CWD: elsewhere }, "status");
    assert.equal(belowAnotherScript.stdout, `${root}\n`);
  });

  it("runs to its end when the reader of its output has ended", async () => {
    const printMuch =
      "for (let i = 0; i < 2000; i++) { console.log('x'.repeat(100)); await new Promise(setImmediate); }";
    command("status", `${printMuch} require("node:fs").writeFileSync("done", ""); return 7;`);
    const child = spawn("sh", ["-c", "(node cli/bin/talos-mesh.cjs status; echo $? > code) | head -1 > head"], {
      cwd: root,
      env: { ...process.env, npm_execpath: path.join(root, "npm-cli.js") },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    await once(child, "close");
    const deadline = Date.now() + 10_000;
    while (!existsSync(path.join(root, "code")) && Date.now() < deadline) await delay(20);
    assert.deepEqual([stderr, readFileSync(path.join(root, "code"), "utf8")], ["", "7\n"]);
    assert.ok(existsSync(path.join(root, "done")));
  });

  it("does not call a command that never answers a success", async () => {
    command("status", "return new Promise(() => undefined);");
    assert.equal((await run("status")).code, 1);
  });

  it("lists the commands for one it does not know, before it installs anything", async () => {
    cpSync(path.join(projectRoot, "cli/commands/status.ts"), path.join(root, "cli/commands/status.ts"));
    for (const args of [["deploy"], [], ["toString"]]) {
      const { code, stderr } = await run(...args);
      assert.equal(code, 2);
      for (const name of ["start", "status", "destroy", "render", "test", "check", "perf", "schema"]) {
        assert.match(stderr, new RegExp(`^  ${name} `, "m"));
      }
    }
    assert.equal((await run("--help")).code, 0);
    assert.deepEqual(npmCalls(), []);
  });

  it("takes a command by the name in the list, and suggests one for a typo", async () => {
    const command = 'export const command = declare({\n  name: "talos:config",\n  summary: "x",\n});';
    const source = `const declare = (it: object) => ({ ...it, run: () => 5 });\n${command}\n`;
    writeFileSync(path.join(root, "cli/commands/talos-config.ts"), source);
    assert.deepEqual(await run("talos:config"), { code: 5, stdout: "", stderr: "" });
    assert.equal((await run("talos-config")).code, 5);
    for (const [typed, meant] of [
      ["talosconfig", "talos:config"],
      ["stauts", "status"],
      ["benchs", "bench"],
    ] as const) {
      assert.match(
        (await run(typed)).stderr,
        new RegExp(`^unknown command "${typed}"; did you mean ${meant}\\?\nUsage`),
      );
    }
    assert.match((await run("deploy")).stderr, /^unknown command "deploy"\nUsage/);
  });

  it("says which Node it needs on one that is too old", async () => {
    const file = path.join(root, "package.json");
    const manifest = JSON.parse(readFileSync(file, "utf8")) as object;
    writeFileSync(file, JSON.stringify({ ...manifest, engines: { node: ">=99.1" } }));
    const { code, stderr } = await run("status");
    assert.equal(code, 1);
    assert.match(stderr, /^talos-mesh needs Node >=99\.1, and this is v\d/);
    assert.deepEqual(npmCalls(), []);
  });
});
