import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { loadArgs, measure, renderArgs, type Usage } from "../perf/measure";
import { sizedStack } from "../perf/sized-stack";
import { growthExponent, spread, type SizedCost } from "../perf/statistics";

const usage = `usage: npm run perf [-- --runs N]

  --runs N   interleaved runs behind each figure of the comparison (default: 9)`;

/** Wall time of rendering dev over that of only loading the SDK modules it needs. */
const ratioLimit = 1.5;
/** A power of 1 is linear; the rest is for garbage collection and for noise. */
const growthLimit = 1.15;
const sizes = [10, 100, 1000] as const;
const runsPerSize = 3;

/** `npm run perf`: 1 where rendering has become too slow or grows worse than linearly, 2 where the options are wrong. */
export async function main(argv: readonly string[]): Promise<number> {
  let runs: number;
  try {
    const { values } = parseArgs({ args: [...argv], options: { runs: { type: "string", default: "9" } } });
    runs = Number(values.runs);
    if (!Number.isInteger(runs) || runs < 1) throw new TypeError("--runs: expected a whole number of at least 1");
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    return 2;
  }
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-perf-"));
  try {
    const [load] = loadavg();
    console.log(
      `Node ${process.version}, ${availableParallelism()} processors, load ${load?.toFixed(1)} before the start\n`,
    );
    const ratio = await compare(folder, runs);
    const growth = await grow(folder);
    return ratio && growth ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function compare(folder: string, runs: number): Promise<boolean> {
  const render = renderArgs("dev", path.join(folder, "dev"));
  // The first run fills the cache of transpiled files and says what there is to load.
  const load = loadArgs((await measure(render)).sdk);
  await measure(load);
  const pairs: { readonly load: Usage; readonly render: Usage }[] = [];
  for (let run = 0; run < runs; run++) pairs.push({ load: await measure(load), render: await measure(render) });

  const loading = spread(pairs.map((pair) => pair.load.wall));
  const rendering = spread(pairs.map((pair) => pair.render.wall));
  const each = spread(pairs.map((pair) => pair.render.wall / pair.load.wall));
  const ratio = rendering.median / loading.median;
  console.log(`Rendering dev against only loading the SDK (wall time, median of ${runs} interleaved runs, range)`);
  console.log(`  load    ${range(loading)} s`);
  console.log(`  render  ${range(rendering)} s`);
  console.log(`  ratio   ${ratio.toFixed(2)}  (pairs ${each.min.toFixed(2)} to ${each.max.toFixed(2)})`);
  return verdict(ratio <= ratioLimit, `ratio at most ${ratioLimit}`);
}

async function grow(folder: string): Promise<boolean> {
  console.log(`\nRendering a mesh of generated services (median of ${runsPerSize} runs, each in its own process)`);
  console.log("  services  files    wall s     CPU s    peak MiB");
  const time: SizedCost[] = [];
  const memory: SizedCost[] = [];
  for (const size of sizes) {
    const config = path.join(folder, `Pulumi.size-${size}.yaml`);
    const out = path.join(folder, `size-${size}`);
    writeFileSync(config, sizedStack(size));
    const runs: Usage[] = [];
    for (let run = 0; run < runsPerSize; run++) runs.push(await measure(renderArgs("perf", out, config)));
    const [wall, cpu, peak] = [
      spread(runs.map((run) => run.wall)).median,
      spread(runs.map((run) => run.cpu)).median,
      spread(runs.map((run) => run.memory)).median,
    ];
    time.push({ size, cost: cpu });
    memory.push({ size, cost: peak });
    const files = readdirSync(out).filter((file) => file.endsWith(".yaml")).length;
    console.log(
      `  ${String(size).padStart(8)}${String(files).padStart(7)}${wall.toFixed(2).padStart(10)}` +
        `${cpu.toFixed(2).padStart(10)}${(peak / 2 ** 20).toFixed(0).padStart(12)}`,
    );
  }
  const ofTime = exponent(time);
  const ofMemory = exponent(memory);
  console.log(`  grows with the power ${ofTime.toFixed(2)} of the size in CPU time, ${ofMemory.toFixed(2)} in memory`);
  return verdict(ofTime <= growthLimit && ofMemory <= growthLimit, `power at most ${growthLimit} (1 is linear)`);
}

function exponent([small, middle, large]: readonly SizedCost[]): number {
  if (!small || !middle || !large) throw new RangeError("three sizes are needed");
  return growthExponent(small, middle, large);
}

function range({ median, min, max }: { median: number; min: number; max: number }): string {
  return `${median.toFixed(2)}  (${min.toFixed(2)} to ${max.toFixed(2)})`;
}

function verdict(ok: boolean, limit: string): boolean {
  console.log(`  ${ok ? "ok" : "FAILED"}: ${limit}`);
  return ok;
}
