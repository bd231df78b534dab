import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { toolNames } from "../embedded/tools/catalog";
import { ensureTools } from "../embedded/tools/ensure-tools";
import { main as check } from "./check";

const root = path.resolve(__dirname, "..");

/** Says to the tests why the tools of the embedded control plane are not there; they then skip with this reason. */
const noToolsVariable = "TALOS_MESH_TEST_NO_TOOLS";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * `npm test`: format, lint and types, then every test; `npm test -- FILES AND OPTIONS` hands them to mocha instead. The tools of the embedded control plane
 * come first, so that a cold build is not charged to a test's deadline; where they cannot be had, the tests that need
 * them are counted as skipped, with the reason. The last line counts.
 */
export async function main(argv: readonly string[]): Promise<number> {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  if (argv.length === 0) counts[(await check(["--fresh"])) === 0 ? "passed" : "failed"] += 1;

  const reason = await whyNoTools();
  if (reason !== undefined) console.log(`\nThe embedded control plane cannot be run here:\n${reason}\n`);
  const tests = await mocha(argv, reason);

  for (const key of ["passed", "failed", "skipped"] as const) counts[key] += tests[key];
  console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return counts.failed === 0 && counts.passed > 0 ? 0 : 1;
}

async function whyNoTools(): Promise<string | undefined> {
  let last = "";
  try {
    await ensureTools(toolNames, {
      progress: ({ tool, step, detail, elapsedMs }) => {
        const line = `${tool}: ${step}${detail ? ` ${detail}` : ""}`;
        if (line === last || step === "skip") return;
        last = line;
        console.log(`[${Math.round(elapsedMs / 1000)} s] ${line}`);
      },
    });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function mocha(argv: readonly string[], noTools: string | undefined): Promise<Counts> {
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-test-"));
  const result = path.join(folder, "counts.json");
  const child = spawn(
    process.execPath,
    [path.join(root, "node_modules/mocha/bin/mocha.js"), ...(argv.length > 0 ? argv : ["tests/**/*.test.ts"])],
    {
      cwd: root,
      stdio: "inherit",
      env: {
        ...process.env,
        TALOS_MESH_TEST_RESULT: result,
        ...(noTools !== undefined && { [noToolsVariable]: noTools.split("\n")[0] }),
      },
    },
  );
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      const counts = read(result);
      rmSync(folder, { recursive: true, force: true });
      // A run that broke off, or failed outside a test, has no counts of its own that say so.
      resolve(code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts);
    });
  });
}

function read(file: string): Counts {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Counts;
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}
