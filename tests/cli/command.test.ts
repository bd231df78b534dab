import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { type Command, declare, parseCommandLine, runCommand, UsageError } from "../../cli/command";
import { projectRoot } from "../support/program";

const even = (text: string) => {
  if (Number(text) % 2 === 0) return Number(text);
  throw new UsageError("expected an even number");
};

const sample = declare({
  name: "sample",
  summary: "a command",
  arguments: { file: { text: "the file" }, others: { text: "more files", optional: true, repeated: true } },
  options: {
    number: { value: "n", text: "a number", default: "2", parse: even },
    color: { value: "name", text: "a color", choices: ["red", "blue"] },
    label: { value: "name", text: "a label", repeated: true },
    dryRun: { text: "change nothing" },
  },
  details: "Changes nothing.",
  exitCodes: { 1: "it failed" },
  run: ({ number }) => number,
});

const parent: Command = { name: "parent", summary: "has commands", commands: [sample] };

/** What a command prints, and its exit code. */
async function run(command: Command, ...argv: string[]) {
  const printed = { out: [] as string[], err: [] as string[] };
  const { log, error } = console;
  console.log = (text: string) => printed.out.push(text);
  console.error = (text: string) => printed.err.push(text);
  try {
    const code = await runCommand(command, argv);
    return { code, out: printed.out.join("\n"), err: printed.err.join("\n") };
  } finally {
    Object.assign(console, { log, error });
  }
}

describe("a declared command", () => {
  it("receives the values of its options and arguments, with their defaults", () => {
    assert.deepEqual(parseCommandLine(sample, ["a"]).values, {
      ...{ file: "a", others: [] },
      ...{ number: 2, color: undefined, label: [], dryRun: false },
    });
    const argv = ["a", "b", "c", "--number", "4", "--color=blue", "--label", "x", "--label", "y", "--dry-run"];
    assert.deepEqual(parseCommandLine(sample, argv).values, {
      ...{ file: "a", others: ["b", "c"] },
      ...{ number: 4, color: "blue", label: ["x", "y"], dryRun: true },
    });
  });

  it("gives the exit code of its run", async () => {
    assert.equal((await run(sample, "a", "--number", "6")).code, 6);
    assert.equal((await run(parent, "sample", "a", "--number", "8")).code, 8);
  });

  it("prints its help, with options, arguments, details and exit codes", async () => {
    const codes = [
      "Exit codes\n  0    success\n  1    it failed\n  2    the command line is wrong\n  130  interrupted",
    ];
    for (const [command, ...argv] of [
      [sample, "--help"],
      [parent, "sample", "-h"],
    ] as const) {
      const { code, out } = await run(command, ...argv);
      assert.equal(code, 0);
      for (const part of [
        "a command",
        "--dry-run",
        "one of: red, blue; a color",
        "(default: 2)",
        "file",
        "Changes nothing.",
        ...codes,
      ]) {
        assert.ok(out.includes(part), `${part} in ${out}`);
      }
    }
    assert.match(
      (await run(parent, "--help")).out,
      /^Usage: npm run parent -- .*\n\nhas commands[^]*sample .*a command/,
    );
  });

  it("answers a wrong command line with what is expected, its help, and exit code 2", async () => {
    const refused: [command: Command, argv: string[], message: RegExp][] = [
      [sample, ["a", "--nubmer", "2"], /^unknown option '--nubmer'\n\(Did you mean --number\?\)/],
      [sample, ["a", "--number", "3"], /^--number "3": expected an even number/],
      [sample, ["a", "--color", "green"], /^--color "green": expected one of: red, blue/],
      [sample, [], /^missing required argument 'file'/],
      [sample, ["a", "--label"], /^option '--label <name>' argument missing/],
      [parent, [], /^expected one of: sample/],
      [parent, ["smaple"], /^unknown command 'smaple'\n\(Did you mean sample\?\); expected one of: sample/],
    ];
    for (const [command, argv, message] of refused) {
      const { code, err } = await run(command, ...argv);
      assert.equal(code, 2, argv.join(" "));
      assert.match(err, message);
      assert.match(err, /\n\nUsage: npm run /);
    }
  });
});

describe("the commands of this project", () => {
  const { scripts } = JSON.parse(readFileSync(path.join(projectRoot, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const files = ["cli/commands", "scripts"].flatMap((folder) =>
    readdirSync(path.join(projectRoot, folder))
      .filter((file) => file.endsWith(".ts"))
      .map((file) => path.join(folder, file)),
  );

  it("are declared with the name of their file and npm script, and listed with their summary", () => {
    const { stdout } = spawnSync(process.execPath, ["cli/bin/talos-mesh.cjs", "--help"], {
      cwd: projectRoot,
      encoding: "utf8",
    });
    for (const file of files) {
      // eslint-disable-next-line @typescript-eslint/no-require-imports -- which files there are, the folder says
      const { command } = require(path.join(projectRoot, file)) as { command: Command };
      assert.equal(command.name.replace(":", "-"), path.basename(file, ".ts"));
      assert.equal(scripts[command.name], `node cli/bin/talos-mesh.cjs ${path.basename(file, ".ts")}`);
      assert.ok(stdout.includes(`  ${command.name.padEnd(18)}${command.summary}\n`), command.name);
    }
    assert.equal(stdout.trimEnd().split("\n").length, files.length + 2);
  });
});
