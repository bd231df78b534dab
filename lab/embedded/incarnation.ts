import { readFileSync } from "node:fs";
import { isSameProcess, type ProcessIdentity } from "../tools/process-identity";
import { layoutOf } from "./layout";
import { writeJson } from "./write-file";

/**
 * A cluster of processes does not outlive a reboot, but Pulumi's state of it does. So each life of the cluster has a
 * number, and the number is an input of the command that runs it: when the processes are gone the number goes up, the
 * preview shows a changed input, and `up` starts them again. While they live nothing changes.
 */
export interface IncarnationRecord {
  readonly incarnation: number;
  /** Where it runs: the record in a copy of the project is not about a cluster of the copy's own. */
  readonly kwok: string;
  /** The processes of the control plane when `up` was done. */
  readonly processes: readonly ProcessIdentity[];
}

/**
 * The number the next `up` must be given: the recorded one while all its processes live, else one more. Without a
 * record it is one never given before, the time in seconds: a stack whose folder was removed by hand must not look
 * unchanged.
 */
export function plannedIncarnation(projectRoot: string, stack: string): number {
  const layout = layoutOf(projectRoot, stack);
  const record = readIncarnation(layout.incarnation);
  if (record === undefined) return Math.floor(Date.now() / 1000);
  const alive = record.kwok === layout.kwok && record.processes.length > 0 && record.processes.every(isSameProcess);
  return alive ? record.incarnation : record.incarnation + 1;
}

/** The record, or undefined where there is none that can be read. */
export function readIncarnation(file: string): IncarnationRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(file, "utf8")) as Partial<IncarnationRecord>;
    const { incarnation, processes } = record;
    return Number.isInteger(incarnation) && Array.isArray(processes) ? (record as IncarnationRecord) : undefined;
  } catch {
    return undefined;
  }
}

export function recordIncarnation(file: string, record: IncarnationRecord): void {
  writeJson(file, record);
}
