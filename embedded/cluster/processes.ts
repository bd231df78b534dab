import { existsSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isSameProcess, listProcesses, type ProcessIdentity } from "../../components/shared/process-identity";
import { clustersFolder } from "./layout";

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
 * The live processes of a cluster, given kwokctl's working folder. kwokctl starts each by a path inside that folder, so
 * the command itself says whose it is, also when the folder has been removed since: a process file can be missing
 * (killed before it was written) or name another's process (after a reboot).
 */
export function processesOf(kwok: string): ComponentProcess[] {
  const clusters = clustersFolder(kwok) + path.sep;
  return listProcesses().flatMap(({ pid, startedAt, command }) => {
    if (!command.startsWith(clusters)) return [];
    const [program = ""] = command.slice(clusters.length).split(" ");
    const [, bin, name] = program.split(path.sep);
    const component = bin === "bin" ? components.find((each) => each === name) : undefined;
    return component === undefined ? [] : [{ pid, startedAt, component }];
  });
}

/**
 * Ends the cluster's processes. They keep their state in etcd alone, so the others are killed, and etcd, once nobody
 * writes to it any more, is asked first.
 */
export async function endProcesses(kwok: string): Promise<void> {
  const isEtcd = ({ component }: ComponentProcess) => component === "etcd";
  // Left by a killed `up`, kwokctl would go on starting processes behind our back.
  await end(
    listProcesses().filter(({ command }) => command.startsWith(`${path.join(kwok, "kwokctl")} `)),
    "SIGKILL",
  );
  await end(
    processesOf(kwok).filter((process) => !isEtcd(process)),
    "SIGKILL",
  );
  await end(processesOf(kwok).filter(isEtcd), "SIGTERM");
  await end(processesOf(kwok), "SIGKILL");
  const left = processesOf(kwok);
  if (left.length > 0) {
    throw new Error(`could not end ${left.map(({ component, pid }) => `${component} (process ${pid})`).join(", ")}`);
  }
  // kwokctl believes these files alone; left behind, they would make it take any process of that number for its own.
  const clusters = clustersFolder(kwok);
  for (const name of existsSync(clusters) ? readdirSync(clusters) : []) {
    rmSync(path.join(clusters, name, "pids"), { recursive: true, force: true });
  }
}

/** Sends the signal and waits until all have ended, 5 s at most. */
async function end(running: readonly ProcessIdentity[], signal: NodeJS.Signals): Promise<void> {
  running.forEach((process) => send(process, signal));
  const deadline = Date.now() + 5_000;
  while (running.some(isSameProcess) && Date.now() < deadline) await delay(20);
}

function send(process_: ProcessIdentity, signal: NodeJS.Signals): void {
  try {
    if (isSameProcess(process_)) process.kill(process_.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
