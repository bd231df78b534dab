import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { listProcesses } from "../../components/shared/process-identity";

/** Ports of the control plane, under kwokctl's names of its options. */
const portOptions = [
  "kubeApiserverPort",
  "etcdPort",
  "etcdPeerPort",
  "kubeControllerManagerPort",
  "kubeSchedulerPort",
  "kwokControllerPort",
] as const;
export type Ports = Readonly<Record<(typeof portOptions)[number], number>>;

// Below the ranges of NodePorts (30000-32767) and of outgoing connections (from 32768 on Linux), which could take one
// while the cluster is stopped.
const [first, last] = [20_000, 29_990];

/**
 * Free ports on 127.0.0.1. The search starts at a port derived from the folder: a cluster that is created again gets the
 * same ones, and clusters of different folders get different ones even when they are created at the same time.
 */
export async function choosePorts(folder: string, apiServerPort: number | undefined): Promise<Ports> {
  const start = createHash("sha256").update(folder).digest().readUInt32BE(0) % ((last - first) / 10);
  const chosen: number[] = apiServerPort === undefined ? [] : [apiServerPort];
  for (let offset = 0; offset < last - first && chosen.length < portOptions.length; offset++) {
    const port = first + ((start * 10 + offset) % (last - first));
    if (!chosen.includes(port) && (await isFree(port))) chosen.push(port);
  }
  if (chosen.length < portOptions.length) throw new Error(`no free ports on 127.0.0.1 between ${first} and ${last}`);
  return Object.fromEntries(portOptions.map((option, index) => [option, chosen[index]])) as unknown as Ports;
}

/** @throws Error naming the port and, where it can be found, the process that listens there */
export async function requireFree(port: number): Promise<void> {
  // The sockets of a killed process are closed a moment after the process has ended.
  const deadline = Date.now() + 2_000;
  while (!(await isFree(port))) {
    const listener = listenerAt(port);
    if (listener !== undefined || Date.now() >= deadline) {
      const by = listener ? ` by process ${listener.pid} (${listener.command.slice(0, 120)})` : "";
      throw new Error(
        `port ${port} on 127.0.0.1, where the API server is to listen, is in use${by}.\n` +
          "End that process, or set another apiServerPort (or none, for a free one) in the cluster's settings.",
      );
    }
    await delay(50);
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function listenerAt(port: number) {
  const isListener = process.platform === "linux" ? holdsSocket(port) : isListedByLsof(port);
  return listProcesses().find(({ pid }) => isListener(pid));
}

// /proc/net/tcp names the socket's inode (field 9) for a local address in hex with state 0A, LISTEN; the process is the
// one with that socket among its open files.
function holdsSocket(port: number): (pid: number) => boolean {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const sockets = ["/proc/net/tcp", "/proc/net/tcp6"]
    .flatMap((table) => orNone(() => readFileSync(table, "utf8").split("\n")))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(suffix) && fields[3] === "0A")
    .map((fields) => `socket:[${fields[9]}]`);
  return (pid) => {
    const folder = `/proc/${pid}/fd`;
    const files = orNone(() => readdirSync(folder)).flatMap((fd) => orNone(() => [readlinkSync(`${folder}/${fd}`)]));
    return files.some((file) => sockets.includes(file));
  };
}

function isListedByLsof(port: number): (pid: number) => boolean {
  const args = ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-t"];
  const pids = orNone(() => execFileSync("lsof", args, { encoding: "utf8" }).trim().split("\n"));
  return (pid) => pids.includes(String(pid));
}

// Processes end while they are listed, those of other users cannot be read, and there may be no lsof.
function orNone(read: () => string[]): string[] {
  try {
    return read();
  } catch {
    return [];
  }
}
