import { spawn } from "node:child_process";
import path from "node:path";
import { performance } from "node:perf_hooks";

export const root = path.resolve(__dirname, "../..");
const reporter = path.join(__dirname, "usage-reporter.cjs");

/** What one process took. */
export interface Usage {
  /** Seconds from its start to its end. */
  readonly wall: number;
  /** Seconds of processor time, which a busy machine changes less than the wall time. */
  readonly cpu: number;
  /** Peak resident memory in bytes. */
  readonly memory: number;
  /** Files of the provider SDKs that it loaded. */
  readonly sdk: readonly string[];
}

/** Runs Node in a process of its own. A process that fails is no measurement: the promise rejects. */
export async function measure(args: readonly string[]): Promise<Usage> {
  const started = performance.now();
  const child = spawn(process.execPath, ["-r", reporter, ...args], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const [errors, usage] = [collect(child.stderr), collect(child.stdio[3])];
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const wall = (performance.now() - started) / 1000;
  if (code !== 0) throw new Error(`node ${args.join(" ")}: exit code ${code}\n${errors()}`);
  return { wall, ...(JSON.parse(usage()) as Omit<Usage, "wall">) };
}

export function renderArgs(stack: string, out: string, configFile?: string): string[] {
  const config = configFile ? ["--config", configFile] : [];
  return ["cli/bin/talos-mesh.cjs", "render", "--stack", stack, "--out", out, ...config];
}

/** A process that loads the Pulumi SDK and these files of the provider SDKs, and does nothing with them. */
export function loadArgs(sdk: readonly string[]): string[] {
  return ["-e", `require("@pulumi/pulumi"); for (const file of ${JSON.stringify(sdk)}) require(file);`];
}

function collect(stream: unknown): () => string {
  const chunks: Buffer[] = [];
  (stream as NodeJS.ReadableStream).on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}
