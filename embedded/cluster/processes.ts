import { existsSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isSameProcess, listProcesses, type ProcessIdentity } from "../../components/shared/process-identity";
import { clusterFolder } from "./files";

/** The processes that kwokctl runs, by the names of their links in the cluster's `bin` folder and of their logs. */
export const components = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kwok-controller",
] as const;
export type Component = (typeof components)[number];

/**
 * The live processes of a cluster, given kwokctl's working folder. They are recognised by their commands, as kwokctl
 * starts each by a path in that folder, also when the folder was removed since. Its pid files are not used: one can be
 * missing (killed before it was written) or name an unrelated process (after a reboot).
 */
export function processesOf(kwok: string): (ProcessIdentity & { readonly component: Component })[] {
  const clusters = clusterFolder(kwok) + path.sep;
  return listProcesses().flatMap(({ pid, startedAt, command }) => {
    if (!command.startsWith(clusters)) return [];
    const [program = ""] = command.slice(clusters.length).split(" ");
    const [, bin, name] = program.split(path.sep);
    const component = bin === "bin" ? components.find((each) => each === name) : undefined;
    return component === undefined ? [] : [{ pid, startedAt, component }];
  });
}

/** Ends the cluster's processes. All state is in etcd, so the others are killed first; then etcd may end properly. */
export async function endProcesses(kwok: string): Promise<void> {
  // kwokctl itself may run where an `up` was killed, and would start further processes.
  const kwokctl = listProcesses().filter(({ command }) => command.startsWith(`${path.join(kwok, "kwokctl")} `));
  await end(kwokctl, "SIGKILL");
  const others = processesOf(kwok).filter(({ component }) => component !== "etcd");
  await end(others, "SIGKILL");
  await end(processesOf(kwok), "SIGTERM");
  await end(processesOf(kwok), "SIGKILL");
  const left = processesOf(kwok);
  if (left.length > 0) {
    throw new Error(`could not end ${left.map(({ component, pid }) => `${component} (process ${pid})`).join(", ")}`);
  }
  // kwokctl relies on these files, and would take any process with that number for its own.
  for (const name of existsSync(clusterFolder(kwok)) ? readdirSync(clusterFolder(kwok)) : []) {
    rmSync(path.join(clusterFolder(kwok, name), "pids"), { recursive: true, force: true });
  }
}

/** Sends the signal and waits until all have ended, 5 s at most. */
async function end(running: readonly ProcessIdentity[], signal: NodeJS.Signals): Promise<void> {
  for (const each of running) send(each, signal);
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
