import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";
import { ensureTools, ToolsUnavailable } from "../../embedded/tools/ensure-tools";
import { productionFiles } from "../../scripts/check/files";
import { skip } from "../support/skip";
import { NotAvailable, programOfWheel } from "../support/wheels";
import { removeTemporaryFolders, root, temporaryFolder } from "./support";

/** Exit code and output, in that order, of a linter in the project. */
function lint(program: string, args: readonly string[], cwd = root): readonly [number | null, string] {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: "utf8" });
  return [status, stdout + stderr];
}

/** A program by its package, or the test is skipped and counted. */
async function wheelOrSkip(context: Mocha.Context, name: "zizmor" | "shellcheck"): Promise<string> {
  context.timeout(180_000);
  try {
    return await programOfWheel(name);
  } catch (error) {
    if (!(error instanceof NotAvailable)) throw error;
    return skip(context, `there is no ${name}: ${error.message}`);
  }
}

async function shellcheckOrNone(): Promise<string> {
  try {
    return await programOfWheel("shellcheck");
  } catch (error) {
    if (!(error instanceof NotAvailable)) throw error;
    return "";
  }
}

const injection = `name: Injection
on: pull_request_target
jobs:
  greet:
    runs-on: ubuntu-24.04
    steps:
      - run: echo "\${{ github.event.pull_request.title }}" && eccho \${{ matrix.nothing }}
`;

describe("the workflows", () => {
  afterEach(removeTemporaryFolders);

  it("are accepted by actionlint, which refuses a faulty one", async function () {
    this.timeout(300_000);
    let actionlint: string;
    try {
      actionlint = (await ensureTools(["actionlint"])).actionlint.path;
    } catch (error) {
      if (!(error instanceof ToolsUnavailable)) throw error;
      skip(this, `there is no actionlint: ${error.message.split("\n")[0] ?? ""}`);
    }
    const files = readdirSync(path.join(root, ".github/workflows")).map((file) => `.github/workflows/${file}`);
    // With it, actionlint checks the scripts in workflows as well.
    const args = ["-no-color", "-pyflakes=", `-shellcheck=${await shellcheckOrNone()}`];
    assert.deepEqual(lint(actionlint, [...args, ...files]), [0, ""]);
    const folder = temporaryFolder({ "faulty.yml": injection });
    const [status, output] = lint(actionlint, [...args, "faulty.yml"], folder);
    assert.equal(status, 1);
    assert.match(output, /"github\.event\.pull_request\.title" is potentially untrusted/);
  });

  it("are accepted by zizmor, which refuses a faulty one", async function () {
    const zizmor = await wheelOrSkip(this, "zizmor");
    const args = ["--offline", "--no-progress", "--quiet", "--color", "never"];
    const [status, output] = lint(zizmor, [...args, ".github"]);
    assert.equal(status, 0, output);
    const folder = temporaryFolder({ ".github/workflows/faulty.yml": injection });
    const [refused, findings] = lint(zizmor, [...args, "."], folder);
    assert.notEqual(refused, 0);
    assert.match(findings, /template-injection/);
  });
});

describe("the shell scripts", () => {
  afterEach(removeTemporaryFolders);

  it("are accepted by ShellCheck, which refuses a faulty one", async function () {
    const shellcheck = await wheelOrSkip(this, "shellcheck");
    const scripts = productionFiles(root).filter((file) => file.endsWith(".sh"));
    assert.ok(scripts.length >= 10);
    assert.deepEqual(lint(shellcheck, ["--external-sources", ...scripts]), [0, ""]);
    const folder = temporaryFolder({ "faulty.sh": "#!/usr/bin/env bash\ncd $1\n" });
    const [status, output] = lint(shellcheck, ["faulty.sh"], folder);
    assert.equal(status, 1);
    assert.match(output, /SC2086/);
  });
});
