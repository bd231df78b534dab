import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { readIfExists } from "./files";

/**
 * Identifies a process. The operating system reuses process numbers, after a reboot or after some hours on a busy machine,
 * so whatever waits for a process, or ends one, also compares when it started.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started: opaque, compared for equality only. */
  readonly startedAt: string;
}

interface RunningProcess extends ProcessIdentity {
  /** Program and arguments with a blank between each. */
  readonly command: string;
}

const onLinux = process.platform === "linux";

/** Undefined where there is no such process; a zombie counts as none. */
export function identify(pid: number): ProcessIdentity | undefined {
  const startedAt = onLinux ? startedAtFromProc(pid) : listFromPs("-p", String(pid))[0]?.startedAt;
  return startedAt === undefined ? undefined : { pid, startedAt };
}

export function isSameProcess(recorded: ProcessIdentity): boolean {
  return identify(recorded.pid)?.startedAt === recorded.startedAt;
}

export function listProcesses(): RunningProcess[] {
  return onLinux ? listFromProc() : listFromPs("-ax");
}

let bootId: string | undefined;

// Field 22 of /proc/PID/stat counts clock ticks since boot, hence the boot id. The command name (field 2)
// may hold blanks and parentheses, so the fields are counted from the last parenthesis.
function startedAtFromProc(pid: number): string | undefined {
  const stat = readIfExists(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, ticks] = [fields?.[0], fields?.[19]];
  if (ticks === undefined || state === "Z" || state === "X") return undefined;
  bootId ??= (readIfExists("/proc/sys/kernel/random/boot_id") ?? "").trim();
  return `${bootId}/${ticks}`;
}

function listFromProc(): RunningProcess[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      const command = readIfExists(`/proc/${entry}/cmdline`)?.replace(/\0$/, "").replaceAll("\0", " ") ?? "";
      const identity = command === "" ? undefined : identify(Number(entry));
      return identity === undefined ? [] : [{ ...identity, command }];
    });
}

function listFromPs(...which: string[]): RunningProcess[] {
  const args = ["-ww", ...which, "-o", "pid=,stat=,lstart=,args="];
  const { error, stdout } = spawnSync("ps", args, { encoding: "utf8", env: { LC_ALL: "C" } });
  if (error) return [];
  return stdout.split("\n").flatMap((line) => {
    const fields = /^\s*(\d+)\s+[^Z\s]\S*\s+(\S+\s+\S+\s+\d+\s+\S+\s+\d+)\s+(.*)$/.exec(line);
    const [, pid, startedAt = "", command = ""] = fields ?? [];
    return pid === undefined ? [] : [{ pid: Number(pid), startedAt, command }];
  });
}
