import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import path from "node:path";
import { declare, UsageError } from "../cli/command";
import { embeddedEngine } from "../cli/engine/embedded";
import { median } from "../components/benchmark/statistics/intervals";
import { messageOf } from "../components/shared/problem";
import { buildTimes, toolCache } from "../embedded/tools/cache";
import { toolNames } from "../embedded/tools/catalog";
import { ensureTools } from "../embedded/tools/ensure-tools";
import {
  growthExponent,
  loadArgs,
  measure,
  renderArgs,
  seconds,
  type SizedCost,
  spread,
  type Usage,
  verdict,
} from "./perf/measure";
import { comparePreviews } from "./perf/preview";
import { sizedStack } from "./perf/sized-stack";

const root = path.resolve(__dirname, "..");

/** Wall time of rendering dev, divided by that of loading the SDK modules it needs. */
const ratioLimit = 1.5;
/** A power of 1 is linear; the rest is for garbage collection and noise. */
const growthLimit = 1.15;
/** Seconds of deploying dev from nothing, and once more without a change. */
const upLimit = 20;
const unchangedLimit = 3;
const deployments = 3;
const sizes = [10, 100, 1000] as const;
const runsPerSize = 3;

export const command = declare({
  name: "perf",
  summary: "measure what rendering and deploying cost, and how rendering grows",
  options: {
    runs: { value: "number", text: "interleaved runs for each figure of the comparison", default: "9", parse: runsOf },
    only: {
      value: "part",
      text:
        "default: all; render compares dev with loading the SDK, size measures growth with the mesh, up deploys dev, " +
        "preview compares previews of the Pulumi CLI with that of an empty program",
      choices: ["render", "size", "up", "preview"],
    },
  },
  details: "Exit code 1 where something exceeds its limit.",
  async run({ runs, only }) {
    const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-perf-"));
    try {
      const machine = `${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(1)} before the start`;
      console.log(`Node ${process.version}, ${machine}\n`);
      const parts = {
        render: () => compare(folder, runs),
        size: () => grow(folder),
        up: deploy,
        preview: () => comparePreviews(folder),
      };
      let code = 0;
      for (const [part, withinLimits] of Object.entries(parts)) {
        if ((only ?? part) === part && !(await withinLimits())) code = 1;
      }
      return code;
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
});

function runsOf(text: string): number {
  const runs = Number(text);
  if (Number.isInteger(runs) && runs >= 1) return runs;
  throw new UsageError("expected a whole number of at least 1");
}

async function compare(folder: string, runs: number): Promise<boolean> {
  const render = renderArgs("dev", path.join(folder, "dev"));
  // The first run fills the cache of compiled files and lists the modules to load.
  const load = loadArgs((await measure(render)).sdk);
  await measure(load);
  const pairs: { readonly load: Usage; readonly render: Usage }[] = [];
  for (let run = 0; run < runs; run++) pairs.push({ load: await measure(load), render: await measure(render) });

  const [loading, rendering] = [pairs.map(({ load }) => load.wall), pairs.map(({ render }) => render.wall)];
  const each = spread(pairs.map((pair) => pair.render.wall / pair.load.wall));
  const ratio = median(rendering) / median(loading);
  console.log(`Rendering dev compared with loading the SDK (wall time, median of ${runs} interleaved runs, range)`);
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
    const middle = (key: "wall" | "cpu" | "memory") => median(runs.map((run) => run[key]));
    const [wall, cpu, peak] = [middle("wall"), middle("cpu"), middle("memory")];
    time.push({ size, cost: cpu });
    memory.push({ size, cost: peak });
    const files = readdirSync(out).filter((file) => file.endsWith(".yaml")).length;
    console.log(
      `  ${String(size).padStart(8)}${String(files).padStart(7)}${wall.toFixed(2).padStart(10)}` +
        `${cpu.toFixed(2).padStart(10)}${(peak / 2 ** 20).toFixed(0).padStart(12)}`,
    );
  }
  const [ofTime, ofMemory] = [growthExponent(time), growthExponent(memory)];
  console.log(`  grows with the power ${ofTime.toFixed(2)} of the size in CPU time, ${ofMemory.toFixed(2)} in memory`);
  return verdict(ofTime <= growthLimit && ofMemory <= growthLimit, `power at most ${growthLimit} (1 is linear)`);
}

/** Deploys dev with the embedded engine, as a stack and with a cluster of its own. */
async function deploy(): Promise<boolean> {
  console.log(`\nDeploying dev with the embedded engine (median of ${deployments} runs, range)`);
  try {
    await ensureTools(toolNames);
  } catch (error) {
    console.log(`  not measured: ${messageOf(error).split("\n")[0] ?? ""}`);
    return true;
  }
  for (const [group, { programs, cores, seconds }] of Object.entries(buildTimes(toolCache(process.env)))) {
    console.log(`  last build of the tools, ${group} (${programs}): ${seconds} s on ${cores} cores`);
  }
  const configFile = path.join(root, "Pulumi.dev.yaml");
  const run = { projectRoot: root, stack: "perf", configFile, yes: true, observer: silent };
  const times = { up: [] as number[], unchanged: [] as number[], destroy: [] as number[] };
  // Removes what an interrupted measurement has left.
  await embeddedEngine.destroy(run);
  for (let count = 0; count < deployments; count++) {
    try {
      times.up.push(await seconds(() => embeddedEngine.deploy(run)));
      times.unchanged.push(await seconds(() => embeddedEngine.deploy(run)));
    } finally {
      times.destroy.push(await seconds(() => embeddedEngine.destroy(run)));
    }
  }
  console.log(`  from nothing     ${range(times.up)} s`);
  console.log(`  without changes  ${range(times.unchanged)} s`);
  console.log(`  destroy          ${range(times.destroy)} s`);
  const withinLimits = median(times.up) <= upLimit && median(times.unchanged) <= unchangedLimit;
  return verdict(withinLimits, `from nothing at most ${upLimit} s, without changes at most ${unchangedLimit} s`);
}

const nothing = () => undefined;
const silent = { started: nothing, progressed: nothing, finished: nothing, failed: nothing, note: nothing };

function range(values: readonly number[]): string {
  const { median: middle, min, max } = spread(values);
  return `${middle.toFixed(2)}  (${min.toFixed(2)} to ${max.toFixed(2)})`;
}
