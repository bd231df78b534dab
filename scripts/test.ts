import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { declare } from "../cli/command";
import { onInterrupt } from "../cli/interrupt";
import { toolProgress } from "../cli/report/progress";
import { Terminal } from "../cli/report/terminal";
import { versions } from "../components/settings/versions";
import { readIfExists, writeJsonAtomically } from "../components/shared/files";
import { parseJson } from "../components/shared/json";
import { messageOf } from "../components/shared/problem";
import { deleteCluster } from "../embedded/cluster/delete";
import { clusterFiles } from "../embedded/cluster/files";
import { up } from "../embedded/cluster/up";
import { toolNames } from "../embedded/tools/catalog";
import { ensureTools } from "../embedded/tools/ensure-tools";
import { check } from "./check";
import { own } from "../components/shared/own";

const root = path.resolve(__dirname, "..");
const durationsFile = path.join(root, "node_modules/.cache/talos-mesh/test-durations.json");

/** The kubeconfig of the cluster that suites share (tests/support/cluster-project.ts). */
const clusterVariable = "TALOS_MESH_TEST_EMBEDDED_CLUSTER";

/** Measurements of real programs, which need a machine that does nothing else: they run last. */
const measures = (file: string) => file.includes("benchmark/real/");

/** What the reporter writes (tests/support/reporter.cjs). */
interface Results {
  readonly files: Readonly<Record<string, Record<"passed" | "failed" | "skipped" | "ms", number>>>;
  readonly failures: readonly { readonly title: string; readonly text: string }[];
  /** Titles of skipped tests, by the reason. */
  readonly skipped: Readonly<Record<string, readonly string[] | undefined>>;
}

export const command = declare({
  name: "test",
  summary: "check the project and run every test",
  arguments: { files: { text: "test files; without them all tests, and the checks", optional: true, repeated: true } },
  options: { grep: { value: "text", text: "only tests whose title contains it, without the checks" } },
  async run({ files, grep }) {
    const everything = files.length === 0 && grep === undefined;
    const checked = everything ? check(true, true) : undefined;
    // Obtained here, so that building them does not count against a test's timeout.
    const noTools = await toolsProblem();
    if (noTools !== undefined) console.log(`\nThe embedded control plane cannot run here:\n${noTools}\n`);

    const selected = files.length > 0 ? files : testFiles();
    const options = grep === undefined ? [] : ["--grep", grep];
    const run = (measuring: boolean, processes: number, cluster?: string) => {
      const files = selected.filter((file) => measures(file) === measuring);
      return Promise.all(balanced(files, processes).map((each) => mocha([...each, ...options], cluster)));
    };
    // More processes than processors: many tests wait for a program that they have started.
    const runOthers = (cluster?: string) => run(false, availableParallelism() + 2, cluster);
    const results = await (everything && noTools === undefined ? withCluster(runOthers) : runOthers());
    const checksPassed = await checked;
    results.push(...(await run(true, availableParallelism())));
    if (everything) {
      const durations = results.flatMap((each) => Object.entries(each.files)).map(([file, { ms }]) => [file, ms]);
      writeJsonAtomically(durationsFile, Object.fromEntries(durations));
    }
    return report(results, checksPassed);
  },
});

async function toolsProblem(): Promise<string | undefined> {
  const terminal = new Terminal();
  try {
    await ensureTools(toolNames, { progress: toolProgress(terminal) });
    return undefined;
  } catch (error) {
    return messageOf(error);
  } finally {
    terminal.show(undefined);
  }
}

/** Runs `work` with the kubeconfig of a cluster for all suites that need an API server only. */
async function withCluster<T>(work: (kubeconfig: string) => Promise<T>): Promise<T> {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "talos-mesh-test-cluster-")));
  const log = () => undefined;
  // Ctrl-C ends the test processes, and after them this cluster.
  const { release } = onInterrupt(log);
  try {
    const { kubernetes: kubernetesVersion } = versions;
    await up(folder, { stack: "test", name: "shared", kubernetesVersion, workers: 2, incarnation: 1 }, log);
    return await work(clusterFiles(folder, "test").kubeconfig);
  } finally {
    await deleteCluster(folder, "test", log);
    rmSync(folder, { recursive: true, force: true });
    release();
  }
}

function testFiles(): string[] {
  return readdirSync(path.join(root, "tests"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => path.join("tests", file))
    .sort();
}

/** Divides files among processes by how long each took in the last run. */
function balanced(files: readonly string[], processes: number): string[][] {
  const durations = read<Record<string, number | undefined>>(durationsFile, {});
  const ms = (file: string) => own(durations, file) ?? 1000;
  const lists = Array.from({ length: processes }, () => ({ files: [] as string[], ms: 0 }));
  for (const file of [...files].sort((a, b) => ms(b) - ms(a))) {
    const shortest = lists.reduce((a, b) => (b.ms < a.ms ? b : a));
    shortest.files.push(file);
    shortest.ms += ms(file);
  }
  return lists.map((list) => list.files).filter((list) => list.length > 0);
}

/** Runs mocha in a process; it runs files one after the other. */
async function mocha(args: readonly string[], cluster = process.env[clusterVariable]): Promise<Results> {
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-test-"));
  const output = path.join(folder, "results.json");
  const child = spawn(process.execPath, [path.join(root, "node_modules/mocha/bin/mocha.js"), ...args], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, TALOS_MESH_TEST_RESULT: output, [clusterVariable]: cluster },
  });
  const [code] = (await once(child, "close")) as [number | null];
  const results = read<Results>(output, { files: {}, failures: [], skipped: {} });
  rmSync(folder, { recursive: true, force: true });
  if (code === 0 || results.failures.length > 0) return results;
  // It ended early, or failed outside a test.
  const failure = { title: `mocha ${args.join(" ")}`, text: `ended with exit code ${code}` };
  return { ...results, failures: [failure] };
}

function read<T>(file: string, otherwise: T): T {
  return (parseJson(readIfExists(file) ?? "") ?? otherwise) as T;
}

/** Prints the slowest files, what was skipped, every failure, and the counts. Gives the exit code. */
function report(results: readonly Results[], checksPassed: boolean | undefined): number {
  const files = results.flatMap((each) => Object.entries(each.files));
  if (files.length > 10) {
    console.log("\nslowest files:");
    const slowest = [...files].sort(([, a], [, b]) => b.ms - a.ms).slice(0, 10);
    for (const [file, { ms }] of slowest) console.log(`  ${(ms / 1000).toFixed(1).padStart(6)} s  ${file}`);
  }
  const reasons = new Set(results.flatMap((each) => Object.keys(each.skipped)));
  for (const reason of reasons) {
    const titles = results.flatMap((each) => own(each.skipped, reason) ?? []);
    console.log(`\nskipped, because ${reason}:\n${titles.map((title) => `  - ${title}`).join("\n")}`);
  }
  const failures = results.flatMap((each) => each.failures);
  failures.forEach(({ title, text }, index) => console.log(`\n${index + 1}) ${title}\n${text}`));

  const sum = (key: "passed" | "skipped") => files.reduce((total, [, counts]) => total + counts[key], 0);
  const passed = sum("passed") + (checksPassed === true ? 1 : 0);
  const failed = failures.length + (checksPassed === false ? 1 : 0);
  if (checksPassed === false) console.log("\nThe checks failed; their messages are above.");
  console.log(`\n${passed} passed, ${failed} failed, ${sum("skipped")} skipped`);
  return failed === 0 && passed > 0 ? 0 : 1;
}
