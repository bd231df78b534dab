import type { ExecResult } from "../../shared/kubernetes/exec";
import type { NodeFacts } from "../report/report";

/** Runs a command in the container with a shell of a pod. */
export type Shell = (argv: readonly string[]) => Promise<ExecResult>;

const files = {
  mtu: "/sys/class/net/eth0/mtu",
  processor: "/proc/cpuinfo",
  clockSource: "/sys/devices/system/clocksource/clocksource0/current_clocksource",
  governor: "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
  numaNodes: "/sys/devices/system/node/online",
} as const;

/** What the API server does not know of a node; a container sees the files of its node's kernel. */
export async function hardwareOf(shell: Shell): Promise<Partial<NodeFacts>> {
  // The first line with a model's name, or of a file that has only one word.
  const { stdout } = await shell(["grep", "-s", "-H", "-m", "1", "-E", "^model name|^[^:]+$", ...Object.values(files)]);
  const lines = stdout.toString("utf8").split("\n");
  const found = Object.entries(files).flatMap(([name, file]) => {
    const value = lines.find((line) => line.startsWith(`${file}:`))?.slice(file.length + 1);
    return value === undefined ? [] : [[name, value.replace(/^model name\s*:\s*/, "").trim()] as const];
  });
  const { mtu, ...facts } = Object.fromEntries(found) as Readonly<Partial<Record<keyof typeof files, string>>>;
  return { ...facts, ...(mtu !== undefined && { mtu: Number(mtu) }) };
}

/** Counters of all of a node's processors together, in ticks since it started. */
export interface ProcessorTime {
  readonly total: number;
  readonly stolen: number;
}

/** undefined where the node does not tell. */
export async function processorTime(shell: Shell): Promise<ProcessorTime | undefined> {
  const { stdout } = await shell(["head", "-n", "1", "/proc/stat"]);
  return parseProcessorTime(stdout.toString("utf8"));
}

/** The line `cpu` of /proc/stat. The last two of its ten numbers are a guest's and part of the first two. */
export function parseProcessorTime(line: string): ProcessorTime | undefined {
  const [name, ...ticks] = line.trim().split(/\s+/);
  const counted = ticks.slice(0, 8).map(Number);
  const stolen = counted[7];
  if (name !== "cpu" || stolen === undefined || counted.some(Number.isNaN)) return undefined;
  return { total: counted.reduce((sum, each) => sum + each, 0), stolen };
}

/** Share of its processors that a node was denied by the host it is a guest of. */
export function stolenShare(before: ProcessorTime | undefined, after: ProcessorTime | undefined): number | undefined {
  if (!before || !after || after.total <= before.total) return undefined;
  return (after.stolen - before.stolen) / (after.total - before.total);
}
