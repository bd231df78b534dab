import { spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import semver from "semver";
import { version as sdkVersion } from "@pulumi/pulumi/version";
import type { ClusterAccess } from "../../components/shared/kubernetes/api-server";
import type { Model } from "../../components/model/model";
import { CommandError, runCommand, type RunOptions } from "../../components/shared/run-command";
import { clusterFiles } from "../../embedded/cluster/files";
import { UserError } from "../../components/shared/problem";
import { programsOnPath, toolCache } from "../../embedded/tools/cache";
import { commandFor, type StackChoice } from "../stack-option";
import type { EngineRun, StackOfProject } from "./engine";
import { workspaceOf } from "./pulumi-workspace";

export type PulumiCli = Readonly<{ path: string; version: string }>;

/** Why there is none. */
type NoPulumi = Readonly<{ problem: string }>;

/** Oldest CLI with everything that the program and this engine use: hooks of resources. */
const minimum = "3.182.0";

/** Looks where the vendor's installers put the CLI: PATH, $PULUMI_HOME/bin, ~/.pulumi/bin, and our own download. */
export async function findPulumi(env: NodeJS.ProcessEnv): Promise<PulumiCli | NoPulumi> {
  const homes = [env.PULUMI_HOME ?? path.join(homedir(), ".pulumi"), downloadFolder(env)];
  const folders = [env.PATH ?? "", ...homes.map((home) => path.join(home, "bin"))];
  const name = process.platform === "win32" ? "pulumi.exe" : "pulumi";
  let tooOld: string | undefined;
  for (const file of programsOnPath(name, { PATH: folders.join(path.delimiter) })) {
    const version = await versionOf(file, env);
    if (version === undefined) continue;
    if (semver.gte(version, minimum)) return { path: file, version };
    tooOld ??= `${file} is ${version}, older than ${minimum}`;
  }
  return { problem: tooOld ?? "no Pulumi CLI is installed" };
}

/** Downloads the CLI by its vendor's installer into the cache, where the vendor answers at once. */
export async function installPulumi(
  env: NodeJS.ProcessEnv,
  onProgress?: (text: string) => void,
): Promise<PulumiCli | NoPulumi> {
  // A network that drops packets costs two seconds at most.
  const request = { method: "HEAD", signal: AbortSignal.timeout(2000) };
  const answer = await fetch("https://get.pulumi.com/install.sh", request).catch(() => undefined);
  if (!answer?.ok) return { problem: "get.pulumi.com cannot be reached to download it" };
  const root = downloadFolder(env);
  onProgress?.(`downloading the Pulumi CLI ${sdkVersion} to ${root}`);
  try {
    const { PulumiCommand } = await import("@pulumi/pulumi/automation/index.js");
    const { command, version } = await PulumiCommand.install({ root, version: semver.parse(sdkVersion) ?? undefined });
    return { path: command, version: version?.version ?? sdkVersion };
  } catch (error) {
    return { problem: `its download failed (${(error as Error).message.split("\n")[0] ?? ""})` };
  }
}

function downloadFolder(env: NodeJS.ProcessEnv): string {
  return path.join(toolCache(env), "..", "pulumi", sdkVersion);
}

async function versionOf(file: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    const options = { env: { ...env, PULUMI_SKIP_UPDATE_CHECK: "true" }, timeoutMs: 20_000 };
    const { stdout } = await runCommand(file, ["version"], options);
    return semver.clean(stdout) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Runs the CLI with its output, and its questions, on this terminal. `quiet` shows no output. */
export async function streamPulumi(
  cli: PulumiCli,
  args: readonly string[],
  { signal, quiet, ...options }: SpawnOptions & { readonly quiet: boolean },
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const child = spawn(cli.path, args, { ...options, stdio: ["inherit", quiet ? "ignore" : "inherit", "pipe"] });
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
    if (!quiet) process.stderr.write(chunk);
  });
  // On a terminal, Ctrl-C reaches the CLI by itself; a second signal would make it give up at once.
  const stop = () => process.stdin.isTTY || child.kill("SIGINT");
  signal?.addEventListener("abort", stop);
  try {
    const [code] = (await once(child, "close")) as [number | null];
    return { code, stderr };
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** The message for a failed CLI, with what to do where its own messages do not say that. */
export function failure(text: string, run: Pick<EngineRun, "stack" | "signal">, otherwise: string): UserError {
  const { stack, signal } = run;
  // A CLI that was stopped prints failures of everything that it stopped.
  if (signal?.aborted === true) return new UserError(`The run of the stack "${stack}" was stopped.`);
  if (/incorrect passphrase|passphrase must be set|failed to decrypt/i.test(text)) {
    return new UserError(
      `The passphrase is not the one with which the secrets of the stack "${stack}" are encrypted. ` +
        "Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to that one and run this again.",
    );
  }
  if (!/\bplugin\b/i.test(text)) return new UserError(otherwise.split("\n").slice(0, 20).join("\n"));
  return new UserError(
    `${otherwise}\nA plugin of the Pulumi CLI is not available. Put it on PATH, or use the embedded engine: ` +
      "npm start -- --engine embedded",
  );
}

/**
 * The output of `pulumi stack`: from the workspace in which `npm start` deploys, else from the backend that the user has
 * chosen for the project. `purpose` begins the message where there is no CLI or no such stack.
 */
export function queryStack(
  project: StackOfProject,
  args: readonly string[],
  purpose: string,
  signal?: AbortSignal,
): Promise<string> {
  return query(project, ["stack", ...args], purpose, signal);
}

/** Runs `pulumi preview` of a stack that its user deploys in the project, with the CLI's output. Gives the exit code. */
export async function previewStack(
  cli: PulumiCli,
  { projectRoot, stack, configFile }: StackChoice & StackOfProject,
): Promise<number> {
  const args = ["preview", "--stack", stack, "--config-file", configFile];
  return (await streamPulumi(cli, args, { cwd: projectRoot, quiet: false })).code === 0 ? 0 : 1;
}

/** The value of a secret of the stack's configuration, decrypted. */
export async function secretOf(
  project: StackOfProject & Pick<StackChoice, "configFile">,
  name: string,
  purpose: string,
) {
  const key = `talos-mesh:secrets[${JSON.stringify(name)}]`;
  const args = ["config", "get", "--path", key, "--config-file", project.configFile];
  return (await query(project, args, purpose)).trimEnd();
}

async function query(
  project: StackOfProject,
  args: readonly string[],
  purpose: string,
  signal?: AbortSignal,
): Promise<string> {
  const cli = await findPulumi(process.env);
  if ("problem" in cli) {
    throw new UserError(
      `${purpose} with the Pulumi CLI: ${cli.problem}. Put it on PATH: https://www.pulumi.com/docs/install`,
    );
  }
  const problem = (text: string) => {
    const message = `${purpose}, and ${queryProblem(text, project.stack)}`;
    return isNotDeployed(text) ? new NotDeployedError(message) : new UserError(message);
  };
  return commandOutput(cli, [...args, "--stack", project.stack], { ...locationOf(project), signal }, problem);
}

/** Where the CLI works on a stack: in the workspace in which `npm start` has deployed it, else as its user does. */
export function locationOf(project: StackOfProject): {
  readonly ours: boolean;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
} {
  const workspace = workspaceOf(project, process.env);
  const ours = existsSync(workspace.folder);
  return ours
    ? { ours, cwd: workspace.folder, env: { ...process.env, ...workspace.env } }
    : { ours, cwd: project.projectRoot, env: process.env };
}

/** The backend has no such stack. */
export class NotDeployedError extends UserError {
  override readonly name = "NotDeployedError";
}

function isNotDeployed(stderr: string): boolean {
  return /no stack named/.test(stderr);
}

/** Runs a command and gives its output. `problem` gets the last lines that a failed one wrote. */
export async function commandOutput(
  { path: pulumi }: PulumiCli,
  args: readonly string[],
  options: Pick<RunOptions, "cwd" | "env" | "signal">,
  problem: (text: string) => UserError,
): Promise<string> {
  try {
    const { stdout } = await runCommand(pulumi, [...args, "--non-interactive"], {
      ...options,
      timeoutMs: 120_000,
    });
    return stdout;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw problem(error.output.join("\n") || error.message);
  }
}

export function queryProblem(stderr: string, stack: string): string {
  if (isNotDeployed(stderr)) return notDeployed(stack);
  const [, output] = /does not have output property '([^']+)'/.exec(stderr) ?? [];
  if (output === undefined) return `the Pulumi CLI has no answer: ${stderr}`;
  return `the stack "${stack}" has no output ${output} yet: its deployment has not finished. \`${commandFor("npm start", stack)}\` continues it.`;
}

function notDeployed(stack: string): string {
  return `the stack "${stack}" is not deployed; \`${commandFor("npm start", stack)}\` deploys it.`;
}

/**
 * How to reach the cluster of a deployed stack: an embedded cluster keeps its kubeconfig in the project, any other's is
 * an output of the stack. `purpose` begins the message where it is not available.
 */
export async function clusterAccess(
  project: StackOfProject & Pick<Model, "cluster">,
  purpose: string,
): Promise<ClusterAccess> {
  const { kubeconfigSource, kubeContext } = project.cluster;
  if (kubeconfigSource === "project") {
    const { kubeconfig } = clusterFiles(project.projectRoot, project.stack);
    if (!existsSync(kubeconfig)) throw new UserError(`${purpose}, and ${notDeployed(project.stack)}`);
    return { kubeconfig };
  }
  const kubeconfig = await queryStack(project, ["output", "kubeconfig", "--show-secrets"], purpose);
  return { kubeconfig, context: kubeContext };
}
