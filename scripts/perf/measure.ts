import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { text } from "node:stream/consumers";
import { median } from "../../components/benchmark/statistics/intervals";

const root = path.resolve(__dirname, "../..");
const reporter = path.join(__dirname, "usage-reporter.cjs");

export interface Usage {
  /** Seconds from its start to its end. */
  readonly wall: number;
  /** Seconds of processor time, which depends less on what else the machine does. */
  readonly cpu: number;
  /** Peak resident memory in bytes. */
  readonly memory: number;
  /** Files of the provider SDKs that it loaded. */
  readonly sdk: readonly string[];
}

/** Runs Node with these arguments. Rejects where it fails. */
export async function measure(args: readonly string[]): Promise<Usage> {
  const started = performance.now();
  const child = spawn(process.execPath, ["-r", reporter, ...args], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const [errors, usage] = [child.stderr, child.stdio[3]].map((stream) => text(stream as NodeJS.ReadableStream));
  const [code] = (await once(child, "close")) as [number | null];
  const wall = (performance.now() - started) / 1000;
  if (code !== 0) throw new Error(`node ${args.join(" ")}: exit code ${code}\n${await errors}`);
  return { wall, ...(JSON.parse((await usage) ?? "") as Omit<Usage, "wall">) };
}

export function renderArgs(stack: string, out: string, configFile?: string): string[] {
  const config = configFile ? ["--config", configFile] : [];
  return ["cli/bin/talos-mesh.cjs", "render", "--stack", stack, "--out", out, ...config];
}

/** Arguments that load the Pulumi SDK and these files of the provider SDKs, and nothing else. */
export function loadArgs(sdk: readonly string[]): string[] {
  return ["-e", `require("@pulumi/pulumi"); for (const file of ${JSON.stringify(sdk)}) require(file);`];
}

export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

export function verdict(ok: boolean, limit: string): boolean {
  console.log(`  ${ok ? "ok" : "FAILED"}: ${limit}`);
  return ok;
}

export function spread(values: readonly number[]) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

export interface SizedCost {
  readonly size: number;
  readonly cost: number;
}

/**
 * The power of the size with which a cost grows: 1 is linear, 2 quadratic. The cost of the smallest size is subtracted
 * first: every size has a fixed part (loading the SDK), which would make any growth look slower than linear. Three sizes
 * give (large - small) / (middle - small) as a power of the same ratio of the sizes.
 */
export function growthExponent([small, middle, large]: readonly SizedCost[]): number {
  if (!small || !middle || !large) throw new RangeError("three sizes are needed");
  const cost = (large.cost - small.cost) / (middle.cost - small.cost);
  const size = (large.size - small.size) / (middle.size - small.size);
  return Math.log(cost) / Math.log(size);
}
