import { spawn } from "node:child_process";
import path from "node:path";

const root = path.resolve(__dirname, "..");

interface Step {
  readonly name: string;
  readonly bin: string;
  readonly args: readonly string[];
  /** Further arguments with which it believes what it found in files that have not changed. */
  readonly cache?: readonly string[];
}

/** Side by side; each of the slow ones keeps a cache of its own, so that a warm run fits before a commit. */
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

/**
 * `npm run check [-- --fresh]`: prints what failed, whole, and a line a step. Exit code 1 when any step failed.
 *
 * `--fresh` believes no cache of format and lint, as `npm test` does: eslint keeps the verdict on a file until that file
 * changes, though rules that look at types depend on others too.
 */
export async function main(argv: readonly string[]): Promise<number> {
  const fresh = argv.includes("--fresh");
  if (argv.some((argument) => argument !== "--fresh")) {
    console.error("usage: npm run check [-- --fresh]");
    return 2;
  }
  const results = await Promise.all(steps.map((step) => run(step, fresh)));
  for (const { output } of results.filter((result) => result.code !== 0)) console.error(`${output}\n`);
  for (const { name, code, seconds } of results) {
    console.log(`${code === 0 ? "ok    " : "FAILED"} ${name.padEnd(7)} ${seconds.toFixed(1)} s`);
  }
  return results.some((result) => result.code !== 0) ? 1 : 0;
}
