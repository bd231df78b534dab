import { spawn } from "node:child_process";
import { once } from "node:events";
import { setPriority } from "node:os";
import path from "node:path";
import { declare } from "../cli/command";
import { fileProblems } from "./check/files";

const root = path.resolve(__dirname, "..");

interface Step {
  readonly name: string;
  readonly bin: string;
  readonly args: readonly string[];
  /** Further arguments that make it skip unchanged files. */
  readonly cache?: readonly string[];
}

/** All run at once. Each slow one has a cache, so that a second run is fast enough for a commit hook. */
const steps: readonly Step[] = [
  {
    name: "format",
    bin: "prettier/bin/prettier.cjs",
    // Its cache follows content, and a file's format depends on nothing else: it serves a fresh check, too.
    args: "--check --cache --cache-strategy content --log-level warn --no-error-on-unmatched-pattern .".split(" "),
  },
  {
    name: "lint",
    bin: "eslint/bin/eslint.js",
    args: ["--max-warnings", "0", "."],
    cache: ["--cache", "--cache-strategy", "content", "--cache-location", "node_modules/.cache/eslint/"],
  },
  { name: "schema", bin: "../cli/bin/talos-mesh.cjs", args: ["schema", "--check"] },
  {
    name: "types",
    bin: "typescript/bin/tsc",
    args: ["--noEmit", "--incremental", "--tsBuildInfoFile", "node_modules/.cache/tsbuildinfo"],
  },
];

export const command = declare({
  name: "check",
  summary: "check format, lint, schema, types, shell scripts and wording",
  options: { fresh: { text: "lint without a cache, as `npm test` does" } },
  async run({ fresh }) {
    return (await check(fresh)) ? 0 : 1;
  },
});

/**
 * Prints the output of the steps that failed, and a line for each step. Whether all succeeded.
 *
 * @param fresh whether to lint without the cache, which keeps the result of a file when types change in another file
 * @param background whether other work goes first
 */
export async function check(fresh: boolean, background = false): Promise<boolean> {
  const results = await Promise.all([
    ...steps.map((step) => timed(step.name, () => run(step, fresh, background))),
    timed("files", () => Promise.resolve(fileProblems(root).join("\n"))),
  ]);
  for (const { problems } of results) if (problems !== "") console.error(`${problems}\n`);
  for (const { name, problems, seconds } of results) {
    console.log(`${problems === "" ? "ok    " : "FAILED"} ${name.padEnd(7)} ${seconds.toFixed(1)} s`);
  }
  return results.every(({ problems }) => problems === "");
}

async function timed(name: string, work: () => Promise<string>) {
  const started = Date.now();
  const problems = await work();
  return { name, problems, seconds: (Date.now() - started) / 1000 };
}

/** The output of a step that failed; empty where it succeeded. */
async function run(step: Step, fresh: boolean, background: boolean): Promise<string> {
  const args = [...(fresh ? [] : (step.cache ?? [])), ...step.args];
  const child = spawn(process.execPath, [path.join(root, "node_modules", step.bin), ...args], { cwd: root });
  if (background && child.pid !== undefined) setPriority(child.pid, 10);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (part) => (output += part));
  const [code] = (await once(child, "close")) as [number | null];
  return code === 0 ? "" : output.trim() || `exit code ${code}`;
}
