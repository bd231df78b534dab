import { readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isSameProcess, listProcesses, type ProcessIdentity } from "../tools/process-identity";

/** The processes kwokctl runs, by the names of its links in the cluster's `bin` folder and of its logs. */
export const components = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kwok-controller",
] as const;
export type Component = (typeof components)[number];

export interface ComponentProcess extends ProcessIdentity {
  readonly component: Component;
}

/**
 * The live processes of the cluster in `folder`. kwokctl starts each by a path inside that folder, so the command
 * itself says whose it is: a process file can be missing (killed before it was written) or name another's process
 * (after a reboot).
 */
export function processesOf(folder: string): ComponentProcess[] {
  return listProcesses().flatMap(({ pid, startedAt, command }) => {
    const component = components.find((name) => `${command} `.startsWith(`${path.join(folder, "bin", name)} `));
    return component === undefined ? [] : [{ pid, startedAt, component }];
  });
}

/** Ends the cluster's processes: asks first, so that etcd can finish a write, and kills what has not ended in 5 s. */
export async function endProcesses(folder: string): Promise<void> {
  for (const [signal, waitMs] of [
    ["SIGTERM", 5_000],
    ["SIGKILL", 5_000],
  ] as const) {
    const running = processesOf(folder);
    if (running.length === 0) break;
    running.forEach((process) => send(process, signal));
    const deadline = Date.now() + waitMs;
    while (Date.now() < deadline && running.some(isSameProcess)) await delay(50);
  }
  const left = processesOf(folder);
  if (left.length > 0) {
    throw new Error(`could not end ${left.map(({ component, pid }) => `${component} (process ${pid})`).join(", ")}`);
  }
  // kwokctl believes these files alone; left behind, they would make it take any process of that number for its own.
  const pids = path.join(folder, "pids");
  for (const file of filesIn(pids)) rmSync(path.join(pids, file), { force: true });
}

function send(process_: ProcessIdentity, signal: NodeJS.Signals): void {
  try {
    if (isSameProcess(process_)) process.kill(process_.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
