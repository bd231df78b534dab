import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { toolNames } from "../embedded/tools/catalog";
import { ensureTools } from "../embedded/tools/ensure-tools";
import { declare } from "../cli/command";
import { check } from "./check";

const root = path.resolve(__dirname, "..");

/** Why the tools of the embedded control plane are not available; tests that need them are skipped with this reason. */
const noToolsVariable = "TALOS_MESH_TEST_NO_TOOLS";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

export const command = declare({
  name: "test",
  summary: "check the project and run every test",
  arguments: { files: { text: "test files; the checks are left out then", optional: true, repeated: true } },
  options: { grep: { value: "text", text: "only tests whose title contains it; the checks are left out then" } },
  async run({ files = [], grep }) {
    const some = [...files, ...(grep === undefined ? [] : ["--grep", grep])];
    const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
    if (some.length === 0) counts[(await check(true)) === 0 ? "passed" : "failed"] += 1;

    // Obtained here, so that a build of them does not count against a test's timeout.
    const reason = await whyNoTools();
    if (reason !== undefined) console.log(`\nThe embedded control plane cannot run here:\n${reason}\n`);
    const tests = await mocha(some, reason);

    for (const key of ["passed", "failed", "skipped"] as const) counts[key] += tests[key];
    console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
    return counts.failed === 0 && counts.passed > 0 ? 0 : 1;
  },
});

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
      // A run that ended early, or failed outside a test, does not count that itself.
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
