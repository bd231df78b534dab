import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { readStackConfig } from "../../components/settings/stack-file";
import { ApiServer } from "../../components/shared/kubernetes/api-server";
import { UserError } from "../../components/shared/problem";
import { deleteCluster } from "../../embedded/cluster/delete";
import { clusterStatus } from "../../embedded/cluster/status";
import { removeEmptyFolders, stackFolder, withStackLock } from "../../embedded/engine/stack-folder";
import type { Engine, EngineRun, Outputs } from "./engine";
import { failure, type PulumiCli, commandOutput, streamPulumi } from "./pulumi-cli";
import { findingsOf, type OperationEvents, readEvents } from "./pulumi-events";
import { accessOf, type Deployment, removeDeadLocks, repaired } from "./pulumi-recovery";
import {
  checkBackend,
  prepareWorkspace,
  type PulumiWorkspace,
  removeOwnBackend,
  stateFiles,
  workspaceOf,
} from "./pulumi-workspace";
import { recordedEngine, recordEngine } from "./records";
import { own } from "../../components/shared/own";

interface PulumiEngine extends Engine {
  /** Prints what `deploy` would change; whether that worked. Changes nothing. */
  preview(run: EngineRun): Promise<boolean>;
}

/** Deploys with the Pulumi CLI, which prints its own progress and asks its own questions. */
export function pulumiEngine(cli: PulumiCli): PulumiEngine {
  return {
    name: "pulumi",
    title: `Pulumi CLI ${cli.version}`,
    printsProgress: true,

    async deploy(run) {
      const confirmed = confirmation(run, "deploy");
      const deployedBefore = recordedEngine(run) !== undefined;
      return inWorkspace(cli, run, async (stack) => {
        prepareWorkspace(run, stack.workspace);
        recordEngine(run, "pulumi", stack.workspace.choice);
        try {
          if (!deployedBefore || !stack.exists()) await stack.command("select", run.stack, "--create");
          else await stack.repair();
          const refresh = deployedBefore && (await stack.canRefresh());
          const { outputs } = await stack.operate("up", ...(refresh ? ["--refresh"] : []), ...confirmed);
          return outputs ?? (await stack.outputs());
        } catch (error) {
          // A deployment that failed before it deployed anything must not tie the stack to this engine.
          if (!deployedBefore && (await stack.isEmpty())) await stack.forget();
          throw error;
        }
      });
    },

    async destroy(run) {
      const confirmed = confirmation(run, "destroy");
      if (!existsSync(workspaceOf(run, process.env).folder)) return false;
      await inWorkspace(cli, run, async (stack) => {
        if (stack.exists()) {
          await stack.repair();
          await stack.operate("destroy", ...confirmed);
        }
        // A cluster whose creation was interrupted is not in Pulumi's state.
        if ((await clusterStatus(run.projectRoot, run.stack)).state !== "absent") {
          await deleteCluster(run.projectRoot, run.stack, (line) => run.observer.note(line));
        }
        await stack.forget();
      });
      return true;
    },

    async preview(run) {
      return inWorkspace(cli, run, async (stack) => {
        prepareWorkspace(run, stack.workspace);
        return stack.preview();
      });
    },

    async status(run) {
      if (!existsSync(workspaceOf(run, process.env).folder)) return undefined;
      return inWorkspace(cli, run, async (stack) => {
        if (!stack.exists()) return undefined;
        const outputs = await stack.outputs();
        if ((await stack.isReachable()) === false) return { reachable: false, findings: [], outputs };
        prepareWorkspace(run, stack.workspace);
        return { reachable: true, findings: findingsOf(await stack.operate("preview", "--refresh")), outputs };
      });
    },
  };
}

/** Works on a stack while no other process does. */
async function inWorkspace<T>(cli: PulumiCli, run: EngineRun, work: (stack: PulumiStack) => Promise<T>): Promise<T> {
  const stack = new PulumiStack(cli, run);
  const { backendFolder, temporary } = stack.workspace;
  checkBackend(run, stack.workspace);
  const folder = stackFolder(run.projectRoot, run.stack);
  try {
    return await withStackLock(folder, async () => {
      if (backendFolder !== undefined) removeDeadLocks(path.join(backendFolder, ".pulumi", "locks"), run.stack);
      rmSync(temporary, { recursive: true, force: true });
      mkdirSync(temporary, { recursive: true, mode: 0o700 });
      return work(stack).finally(() => rmSync(temporary, { recursive: true }));
    });
  } finally {
    removeEmptyFolders(folder);
  }
}

/** Options that confirm the change. Without them the CLI shows a preview and asks, as for every environment but dev. */
export function confirmation(
  run: Pick<EngineRun, "projectRoot" | "stack" | "configFile" | "yes">,
  verb: "deploy" | "destroy",
  interactive: boolean = process.stdin.isTTY && process.stdout.isTTY,
): readonly string[] {
  const environment = settingOf(run, "environment");
  if (environment === undefined || environment === "dev" || run.yes) return ["--yes", "--skip-preview"];
  if (interactive) return [];
  const { stack, configFile } = run;
  const command = verb === "deploy" ? "npm start" : "npm run destroy";
  const config = configFile.endsWith(`/Pulumi.${stack}.yaml`) ? "" : ` --config ${configFile}`;
  throw new UserError(
    `The stack "${stack}" is a ${environment} environment, and there is no terminal to confirm on; pass --yes to ${verb} it.\n` +
      `Nothing was changed. The command: ${command} -- --stack ${stack}${config} --yes`,
  );
}

/** A setting of the stack file; undefined also where the file cannot be read, as a stack can be destroyed without it. */
function settingOf({ projectRoot, configFile }: Pick<EngineRun, "projectRoot" | "configFile">, name: string) {
  try {
    return own(readStackConfig(projectRoot, configFile, (secret) => secret).values, `talos-mesh:${name}`);
  } catch {
    return undefined;
  }
}

class PulumiStack {
  readonly workspace: PulumiWorkspace;
  private readonly env: NodeJS.ProcessEnv;

  constructor(
    private readonly cli: PulumiCli,
    private readonly run: EngineRun,
  ) {
    this.workspace = workspaceOf(run, process.env);
    // The CLI and its plugins leave files with client keys in TMPDIR. `--event-log` needs PULUMI_DEBUG_COMMANDS.
    const own = { TMPDIR: this.workspace.temporary, PULUMI_DEBUG_COMMANDS: "true" };
    this.env = { ...process.env, ...this.workspace.env, ...own };
  }

  /** Whether the backend has the stack: in our own one, whether its state file is there; in any other it is assumed to. */
  exists(): boolean {
    return this.workspace.backendFolder === undefined || this.stateFile() !== undefined;
  }

  /** Runs `up`, `destroy` or `preview`. `preview` prints nothing: its result is a status. */
  async operate(verb: "up" | "destroy" | "preview", ...args: readonly string[]): Promise<OperationEvents> {
    const log = path.join(this.workspace.temporary, "events.json");
    const quiet = verb === "preview";
    const options = ["--stack", this.run.stack, "--suppress-outputs", "--event-log", log];
    const { code, stderr } = await streamPulumi(this.cli, [verb, ...args, ...options], {
      cwd: this.workspace.folder,
      env: this.env,
      signal: this.run.signal,
      quiet,
    });
    const events = readEvents(log);
    const { observer } = this.run;
    for (const { layer, label, result } of quiet ? [] : events.resources) {
      observer.started({ layer, label });
      if (result === "failed") observer.failed({ layer, label }, "failed");
      else observer.finished({ layer, label }, result);
    }
    if (code === 0) return events;
    const text = [stderr, ...events.errors].join("\n");
    throw failure(text, this.run, quiet ? text : `\`pulumi ${verb}\` did not finish; its messages are above.`);
  }

  /** With the output of the CLI; whether it succeeded. */
  async preview(): Promise<boolean> {
    const options = { cwd: this.workspace.folder, env: this.env, signal: this.run.signal, quiet: false };
    return (await streamPulumi(this.cli, ["preview", "--stack", this.run.stack], options)).code === 0;
  }

  command(...args: readonly string[]): Promise<string> {
    const options = { cwd: this.workspace.folder, env: this.env };
    return commandOutput(this.cli, ["stack", ...args], options, (text) => failure(text, this.run, text));
  }

  async outputs(): Promise<Outputs> {
    return JSON.parse(await this.command("output", "--json", "--stack", this.run.stack)) as Outputs;
  }

  /** Repairs what a killed CLI left in our own backend. In another backend, a CLI elsewhere may be at work. */
  async repair(): Promise<void> {
    const file = this.stateFile();
    // Most states have nothing pending, and an export takes a second.
    if (file === undefined || !readFileSync(file, "utf8").includes('"pending_operations"')) return;
    const exported = await this.export();
    const deployment = exported.deployment && repaired(exported.deployment, this.run);
    if (!deployment) return;
    const imported = path.join(this.workspace.temporary, "state.json");
    writeFileSync(imported, JSON.stringify({ ...exported, deployment }), { mode: 0o600 });
    await this.command("import", "--file", imported, "--stack", this.run.stack);
  }

  /**
   * Whether the state can be compared with the cluster. An embedded cluster that does not run is started first: its new
   * address and certificates have to be in the state before a refresh.
   */
  async canRefresh(): Promise<boolean> {
    const reachable = await this.isReachable();
    if (reachable === false && this.isEmbedded()) {
      await this.operate("up", "--target", "**:EmbeddedCluster**", "--yes", "--skip-preview");
      return true;
    }
    if (reachable === false) {
      this.run.observer.note("The cluster does not answer, so changes that others made in it are not detected.");
    }
    return reachable === true;
  }

  /** Whether the cluster answers; undefined where the state has none. */
  async isReachable(): Promise<boolean | undefined> {
    if (this.isEmbedded()) return (await clusterStatus(this.run.projectRoot, this.run.stack)).state === "running";
    const access = accessOf((await this.export()).deployment);
    if (access === undefined) return undefined;
    const server = await ApiServer.open(access).catch(() => undefined);
    return server !== undefined && server.answers();
  }

  async isEmpty(): Promise<boolean> {
    if ((await clusterStatus(this.run.projectRoot, this.run.stack)).state !== "absent") return false;
    if (!this.exists()) return true;
    const { resources = [], pending_operations: pending = [] } = (await this.export()).deployment ?? {};
    const isOurs = (type: string) => type === "pulumi:pulumi:Stack" || type.startsWith("talos-mesh:");
    return pending.length === 0 && resources.every(({ type }) => isOurs(type));
  }

  /**
   * Removes our records of a stack of which nothing is left. In a backend that its user has chosen the empty stack
   * stays, as after `pulumi destroy`: its history, tags and permissions are theirs.
   */
  async forget(): Promise<void> {
    const { backendFolder, folder } = this.workspace;
    if (backendFolder !== undefined) {
      const own = this.stateFile();
      const others = stateFiles(backendFolder).some((file) => file !== own);
      if (others) await this.command("rm", "--force", "--yes", "--stack", this.run.stack);
      else removeOwnBackend(this.run);
    }
    // Other files in the stack's folder stay.
    const { engine, helm } = stackFolder(this.run.projectRoot, this.run.stack);
    for (const each of [folder, engine, helm]) rmSync(each, { recursive: true, force: true });
  }

  private isEmbedded(): boolean {
    return /"kind":"embedded"/.test(settingOf(this.run, "cluster") ?? "");
  }

  private stateFile(): string | undefined {
    return stateFiles(this.workspace.backendFolder).find((file) => path.basename(file) === `${this.run.stack}.json`);
  }

  private async export(): Promise<{ readonly deployment: Deployment | null }> {
    const text = await this.command("export", "--show-secrets", "--stack", this.run.stack);
    return JSON.parse(text) as { readonly deployment: Deployment | null };
  }
}
