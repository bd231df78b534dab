import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import type { ObtainedTool } from "../tools/ensure-tools";
import { programsOnPath } from "../tools/path-lookup";
import { CommandError, runCommand } from "../tools/run-command";
import { clusterFolder, type Layout } from "./layout";
import type { Ports } from "./ports";
import { components, type Component } from "./processes";
import { writeWhole } from "./write-file";

/** The programs of a control plane. helm is none of them. */
export const controlPlaneTools = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kwok",
  "kwokctl",
] as const;
export type ControlPlaneTools = Record<(typeof controlPlaneTools)[number], ObtainedTool>;

/**
 * kwokctl's configuration, read by it from its working folder: the `binary` runtime, everything on 127.0.0.1 with a
 * secure port, client certificates and RBAC, no dashboard or metrics.
 */
export function kwokctlConfiguration(tools: ControlPlaneTools, ports: Ports, noop: string): string {
  return stringify({
    apiVersion: "config.kwok.x-k8s.io/v1alpha1",
    kind: "KwokctlConfiguration",
    options: {
      runtime: "binary",
      bindAddress: "127.0.0.1",
      securePort: true,
      kubeAuthorization: true,
      kubeAdmission: true,
      kubeVersion: `v${tools["kube-apiserver"].version}`,
      ...ports,
      // A node belongs to one kwok controller until its lease runs out, here after five (kwokctl's heartbeat factor)
      // times as many seconds: after a reboot pods must not wait 200 s, the default, for the new one.
      nodeLeaseDurationSeconds: 4,
      etcdBinary: tools.etcd.path,
      kubeApiserverBinary: tools["kube-apiserver"].path,
      kubeControllerManagerBinary: tools["kube-controller-manager"].path,
      kubeSchedulerBinary: tools["kube-scheduler"].path,
      kwokControllerBinary: tools.kwok.path,
      // kwokctl polls the API server with kubectl, and downloads one where there is none; here the polling is done by
      // this program, so a command that only succeeds will do.
      kubectlBinary: noop,
    },
  });
}

/** Makes the cluster's files and starts its processes. Does not wait until they serve. */
export async function createCluster(layout: Layout, name: string, tools: ControlPlaneTools, ports: Ports) {
  const [noop] = programsOnPath("true");
  if (noop === undefined) throw new Error("the command `true` is not on PATH");
  mkdirSync(layout.kwok, { recursive: true });
  writeWhole(path.join(layout.kwok, "kwok.yaml"), kwokctlConfiguration(tools, ports, noop));
  // An empty --kubeconfig: otherwise kwokctl adds a context to the user's file and makes it the current one.
  await kwokctl(layout, tools, ["create", "cluster", "--name", name, "--kubeconfig", ""]);
}

/** Starts the processes of a cluster that is down, with its data as it was. */
export async function startCluster(layout: Layout, name: string, tools: ControlPlaneTools): Promise<void> {
  const folder = clusterFolder(layout.kwok, name);
  mkdirSync(path.join(folder, "pids"), { recursive: true });
  relink(folder, tools);
  await kwokctl(layout, tools, ["start", "cluster", "--name", name]);
}

// The links may lead to a cache that has been emptied since.
function relink(folder: string, tools: ControlPlaneTools): void {
  const programs: Record<Component, string> = {
    etcd: tools.etcd.path,
    "kube-apiserver": tools["kube-apiserver"].path,
    "kube-controller-manager": tools["kube-controller-manager"].path,
    "kube-scheduler": tools["kube-scheduler"].path,
    "kwok-controller": tools.kwok.path,
  };
  for (const [component, program] of Object.entries(programs)) link(program, path.join(folder, "bin", component));
}

function link(program: string, at: string): void {
  rmSync(at, { force: true });
  symlinkSync(program, at);
}

async function kwokctl(layout: Layout, tools: ControlPlaneTools, args: string[]): Promise<void> {
  try {
    // Nothing of the user's environment: a KUBECONFIG, a KWOK_* variable or a proxy would change what it does, and an
    // empty PATH keeps it from finding a kubectl.
    const env = { KWOK_WORKDIR: layout.kwok, HOME: layout.kwok, PATH: "" };
    link(tools.kwokctl.path, layout.kwokctl);
    await runCommand(layout.kwokctl, args, { cwd: layout.kwok, env, timeoutMs: 60_000 });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const said = error.output.map(messageOf);
    if (said.some((line) => line.includes(noSpace)))
      throw new Error(diskFull("kwokctl could not write"), { cause: error });
    throw new Error([error.message, ...said].join("\n  "), { cause: error });
  }
}

// kwokctl logs JSON lines when its output is not a terminal.
function messageOf(line: string): string {
  try {
    const { msg, err } = JSON.parse(line) as { msg?: string; err?: string };
    return [msg, err].filter(Boolean).join(": ") || line;
  } catch {
    return line;
  }
}

/** Why a component has failed, as far as the logs say: a full disk in one sentence, else its last lines and where they are. */
export function explainedByLogs(layout: Layout, name: string, component: Component, lines = 15): string {
  const folder = path.join(clusterFolder(layout.kwok, name), "logs");
  const logOf = (each: Component) => {
    const file = path.join(folder, `${each}.log`);
    return existsSync(file) ? readFileSync(file, "utf8").trimEnd() : undefined;
  };
  // etcd ends with a long trace, and the others with it, for another reason.
  const full = components.find((each) => logOf(each)?.slice(-20_000).includes(noSpace) === true);
  if (full !== undefined) return diskFull(`${full} could not write below ${layout.kwok}`);
  const file = path.join(folder, `${component}.log`);
  const log = logOf(component);
  if (log === undefined) return `(no log at ${file})`;
  const tail = log.split("\n").slice(-lines);
  return [`The last lines of ${file}:`, ...tail.map((line) => `  ${line.slice(0, 400)}`)].join("\n");
}

/** As every program of the control plane says it. */
const noSpace = "no space left on device";

function diskFull(what: string): string {
  return `The disk is full: ${what} (${noSpace}). Free some space, then run the same command again.`;
}
