import { mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import { parse, stringify } from "yaml";
import type { controlPlaneTools } from "../tools/catalog";
import { programsOnPath } from "../tools/cache";
import type { ObtainedTool } from "../tools/ensure-tools";
import { readIfExists, writeFileAtomically } from "../../components/shared/files";
import { parseJson } from "../../components/shared/json";
import { asTree } from "../../components/shared/merge";
import { CommandError, runCommand } from "../../components/shared/run-command";
import { clusterFolder, type ClusterFiles } from "./files";
import type { Ports } from "./ports";
import { components, type Component } from "./processes";

export type ControlPlaneTools = Record<(typeof controlPlaneTools)[number], ObtainedTool>;

/** kwokctl's configuration: the options of kwokctl.yaml, and those that depend on the machine. */
export function kwokctlConfiguration(tools: ControlPlaneTools, ports: Ports, noop: string): string {
  const fixed = parse(readFileSync(path.join(__dirname, "kwokctl.yaml"), "utf8")) as { readonly options: object };
  return stringify({
    ...fixed,
    options: {
      ...fixed.options,
      ...ports,
      kubeVersion: `v${tools["kube-apiserver"].version}`,
      etcdBinary: tools.etcd.path,
      kubeApiserverBinary: tools["kube-apiserver"].path,
      kubeControllerManagerBinary: tools["kube-controller-manager"].path,
      kubeSchedulerBinary: tools["kube-scheduler"].path,
      kwokControllerBinary: tools.kwok.path,
      // kwokctl polls the API server with kubectl, and downloads one where there is none. `up` polls by itself, so a
      // command that always succeeds is enough.
      kubectlBinary: noop,
    },
  });
}

export async function createCluster(files: ClusterFiles, name: string, tools: ControlPlaneTools, ports: Ports) {
  const [noop] = programsOnPath("true");
  if (noop === undefined) throw new Error("the command `true` is not on PATH");
  mkdirSync(files.kwok, { recursive: true });
  writeFileAtomically(path.join(files.kwok, "kwok.yaml"), kwokctlConfiguration(tools, ports, noop));
  // An empty --kubeconfig: otherwise kwokctl adds a context to the user's file and makes it the current one.
  await kwokctl(files, tools, ["create", "cluster", "--name", name, "--kubeconfig", ""]);
}

export async function startCluster(files: ClusterFiles, name: string, tools: ControlPlaneTools): Promise<void> {
  const folder = clusterFolder(files.kwok, name);
  mkdirSync(path.join(folder, "pids"), { recursive: true });
  // The links may point into a cache that was emptied since.
  for (const component of components) {
    const { path: program } = tools[component === "kwok-controller" ? "kwok" : component];
    link(program, path.join(folder, "bin", component));
  }
  await kwokctl(files, tools, ["start", "cluster", "--name", name]);
}

function link(program: string, at: string): void {
  rmSync(at, { force: true });
  symlinkSync(program, at);
}

async function kwokctl(files: ClusterFiles, tools: ControlPlaneTools, args: string[]): Promise<void> {
  try {
    // Without the user's environment: a KUBECONFIG, a KWOK_* variable or a proxy would change what it does, and with an
    // empty PATH it finds no kubectl.
    const env = { KWOK_WORKDIR: files.kwok, HOME: files.kwok, PATH: "" };
    link(tools.kwokctl.path, files.kwokctl);
    await runCommand(files.kwokctl, args, { cwd: files.kwok, env, timeoutMs: 60_000 });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const lines = error.output.map(messageOf);
    const isFull = lines.some((line) => line.includes(noSpace));
    const message = isFull ? diskFull("kwokctl could not write") : [error.message, ...lines].join("\n  ");
    throw new Error(message, { cause: error });
  }
}

// kwokctl logs JSON lines when its output is not a terminal.
function messageOf(line: string): string {
  const { msg, err } = asTree(parseJson(line));
  return [msg, err].filter(Boolean).join(": ") || line;
}

/** Why a component has failed, by the logs: a full disk in one sentence, else the log's last lines and its path. */
export function explainedByLogs(files: ClusterFiles, name: string, component: Component, lines = 15): string {
  const folder = path.join(clusterFolder(files.kwok, name), "logs");
  const fileOf = (each: Component) => path.join(folder, `${each}.log`);
  const logOf = (each: Component) => readIfExists(fileOf(each))?.trimEnd();
  // etcd ends with a long trace, and the others end with another reason because etcd did.
  const full = components.find((each) => logOf(each)?.slice(-20_000).includes(noSpace) === true);
  if (full !== undefined) return diskFull(`${full} could not write below ${files.kwok}`);
  const log = logOf(component);
  if (log === undefined) return `(no log at ${fileOf(component)})`;
  const tail = log.split("\n").slice(-lines);
  return [`The last lines of ${fileOf(component)}:`, ...tail.map((line) => `  ${line.slice(0, 400)}`)].join("\n");
}

/** In the message of every program of the control plane. */
const noSpace = "no space left on device";

function diskFull(what: string): string {
  return `The disk is full: ${what} (${noSpace}). Free some space, then run the same command again.`;
}
