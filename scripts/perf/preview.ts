import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parse, stringify } from "yaml";
import { findPulumi } from "../../cli/engine/pulumi-cli";
import { median } from "../../components/benchmark/statistics/intervals";
import { runCommand } from "../../components/shared/run-command";
import { seconds, spread, verdict } from "./measure";

const root = path.resolve(__dirname, "../..");

/** Stacks whose preview needs no cluster and no secret. */
const stacks = ["dev", "article", "staging", "production"] as const;
const runs = 5;

/** Wall time of a stack's preview, divided by that of an empty program's. */
const limit = 2;

/**
 * Compares the preview of each stack that is not deployed with that of an empty program: both in turn, so that what else
 * the machine does affects both. True where every ratio is within the limit, or where there is no Pulumi CLI.
 */
export async function comparePreviews(folder: string): Promise<boolean> {
  console.log(`\nPreviews with the Pulumi CLI (wall time, median of ${runs} interleaved runs)`);
  const cli = await findPulumi(process.env);
  if ("problem" in cli) {
    console.log(`  not measured: ${cli.problem}`);
    return true;
  }
  const backend = path.join(folder, "backend");
  mkdirSync(backend, { recursive: true });
  const env = {
    ...process.env,
    PULUMI_BACKEND_URL: `file://${backend}`,
    PULUMI_CONFIG_PASSPHRASE: "perf",
    PULUMI_SKIP_UPDATE_CHECK: "true",
  };
  const project = async (stack: string, settings: Readonly<Record<string, unknown>>) => {
    const cwd = path.join(folder, stack);
    mkdirSync(cwd, { recursive: true });
    writeFileSync(path.join(cwd, "Pulumi.yaml"), stringify(settings));
    const run = (...args: readonly string[]) =>
      runCommand(cli.path, [...args, "--stack", stack], { cwd, env, timeoutMs: 300_000 });
    await runCommand(cli.path, ["stack", "init", stack], { cwd, env, timeoutMs: 60_000 });
    return { cwd, preview: () => seconds(() => run("preview", "--non-interactive")) };
  };

  const empty = await project("empty", { name: "empty", runtime: "nodejs" });
  for (const file of ["package.json", "tsconfig.json"]) cpSync(path.join(root, file), path.join(empty.cwd, file));
  symlinkSync(path.join(root, "node_modules"), path.join(empty.cwd, "node_modules"));
  writeFileSync(path.join(empty.cwd, "index.ts"), 'import "@pulumi/pulumi";\n');
  await empty.preview();

  const own = parse(readFileSync(path.join(root, "Pulumi.yaml"), "utf8")) as Readonly<Record<string, unknown>>;
  let isWithin = true;
  for (const stack of stacks) {
    const { cwd, preview } = await project(stack, { ...own, main: path.join(root, "index.ts") });
    cpSync(path.join(root, `Pulumi.${stack}.yaml`), path.join(cwd, `Pulumi.${stack}.yaml`));
    await preview();
    const pairs: { readonly empty: number; readonly full: number }[] = [];
    for (let run = 0; run < runs; run++) pairs.push({ empty: await empty.preview(), full: await preview() });
    const [ofEmpty, ofStack] = [spread(pairs.map(({ empty }) => empty)), spread(pairs.map(({ full }) => full))];
    const ratio = ofStack.median / ofEmpty.median;
    isWithin &&= ratio <= limit;
    console.log(
      `  ${stack.padEnd(12)}${ofStack.median.toFixed(2)} s, empty ${ofEmpty.median.toFixed(2)} s, ratio ${ratio.toFixed(2)}  ` +
        `(pairs ${median(pairs.map(({ empty, full }) => full / empty)).toFixed(2)})`,
    );
  }
  return verdict(isWithin, `ratio at most ${limit}`);
}
