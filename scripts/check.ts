import { spawn } from "node:child_process";
import path from "node:path";
import { declare } from "../cli/command";

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
    args: ["--check", "--log-level", "warn", "--no-error-on-unmatched-pattern", "."],
    cache: ["--cache", "--cache-location", "node_modules/.cache/prettier/.prettier-cache"],
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
  summary: "check format, lint, schema and types",
  options: {
    fresh: { text: "use no cache: eslint's keeps the result of a file whose types have changed in another file" },
  },
  run: ({ fresh }) => check(fresh),
});

/** Prints the output of the steps that failed, and a line for each step. Gives the exit code. */
export async function check(fresh: boolean): Promise<number> {
  const results = await Promise.all(steps.map((step) => run(step, fresh)));
  for (const { output } of results.filter((result) => result.code !== 0)) console.error(`${output}\n`);
  for (const { name, code, seconds } of results) {
    console.log(`${code === 0 ? "ok    " : "FAILED"} ${name.padEnd(7)} ${seconds.toFixed(1)} s`);
  }
  return results.some((result) => result.code !== 0) ? 1 : 0;
}

interface StepResult {
  readonly name: string;
  readonly code: number;
  readonly output: string;
  readonly seconds: number;
}

function run(step: Step, fresh: boolean): Promise<StepResult> {
  const started = Date.now();
  const args = [...(fresh ? [] : (step.cache ?? [])), ...step.args];
  const child = spawn(process.execPath, [path.join(root, "node_modules", step.bin), ...args], { cwd: root });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) =>
      resolve({
        name: step.name,
        code: code ?? 1,
        output: Buffer.concat(chunks).toString().trim(),
        seconds: (Date.now() - started) / 1000,
      }),
    );
  });
}
