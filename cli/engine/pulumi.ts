import { existsSync, rmSync } from "node:fs";
import path from "node:path";
import type { EngineEvent, PulumiCommand, Stack, UpResult, Workspace } from "@pulumi/pulumi/automation/index.js";
import { deleteCluster } from "../../embedded/cluster/delete";
import { clusterStatus } from "../../embedded/cluster/status";
import { UserError } from "../../embedded/program/errors";
import { ApiServer } from "../../components/shared/kubernetes/api-server";
import { inspect } from "../../embedded/engine/inspect";
import { removeEmptyFolders, removeTraces, stackLayout } from "../../embedded/engine/layout";
import { alone } from "../../embedded/engine/lock";
import type { Engine, EngineRun, StackStatus } from "./engine";
import { checkBackend } from "./pulumi-backend";
import type { PulumiCli } from "./pulumi-cli";
import { comparisonOf } from "./pulumi-drift";
import { explained, firstLines } from "./pulumi-errors";
import { PulumiEvents } from "./pulumi-events";
import { recover } from "./pulumi-recovery";
import { accessOf, expectedOf, type Deployment } from "./pulumi-state";
import { prepareWorkspace, removeEmptyBackend, workspaceOf, type PulumiWorkspace } from "./pulumi-workspace";
import { recordEngine } from "./recorded";

/** Deploys with the Pulumi CLI, through its Automation API. */
export function pulumiEngine(cli: PulumiCli): Engine {
  return {
    name: "pulumi",
    title: `Pulumi CLI ${cli.version}`,
    deploy: told(up),
    preview: (run, verb) => told((each) => preview(each, verb))(run),
    destroy: told(destroy),
    status: told(status),
  };

  async function up(run: EngineRun): Promise<Readonly<Record<string, unknown>>> {
    return withStack(run, async (stack) => {
      const { outputs } = await operate(run, (options) => bringUp(stack, options, run));
      return Object.fromEntries(
        Object.entries(outputs).map(([name, { value, secret }]) => [name, secret ? "[secret]" : (value as unknown)]),
      );
    });
  }

  async function preview(run: EngineRun, verb: "deploy" | "destroy"): Promise<void> {
    await withStack(run, async (stack) => {
      const { refresh } = await comparisonOf(stack);
      await operate(run, (options) =>
        verb === "destroy" ? stack.previewDestroy(options) : stack.preview({ ...options, refresh }),
      );
    });
  }

  /** Works on a stack, made where it is not there yet; one of which nothing has come is forgotten again. */
  async function withStack<T>(run: EngineRun, work: (stack: Stack) => Promise<T>): Promise<T> {
    const workspace = workspaceOf(run, process.env);
    const layout = stackLayout(run.projectRoot, run.stack);
    const prepared = async () => {
      checkBackend(run, workspace);
      prepareWorkspace(run, workspace);
      recordEngine(run, "pulumi", workspace.choice);
      const { Stack } = await import("@pulumi/pulumi/automation/index.js");
      const stack = await Stack.createOrSelect(run.stack, await open(workspace));
      try {
        await recover(stack, workspace, run);
        return await work(stack);
      } finally {
        // Bad settings, for instance, must leave nothing behind and not tie the stack to this engine.
        if (await isUntouched(stack, run)) await forget(stack.workspace, workspace, run);
      }
    };
    return alone(layout, prepared).finally(() => removeEmptyFolders(layout));
  }

  async function destroy(run: EngineRun): Promise<boolean> {
    const workspace = workspaceOf(run, process.env);
    const layout = stackLayout(run.projectRoot, run.stack);
    if (!existsSync(workspace.folder)) return false;
    checkBackend(run, workspace);
    await alone(layout, async () => {
      const opened = await open(workspace);
      const stack = await existingStack(run.stack, opened);
      if (stack !== undefined) {
        await recover(stack, workspace, run);
        await operate(run, (options) => stack.destroy(options));
      }
      // A cluster whose making was cut short is in no state, and yet there may be something of it.
      if ((await clusterStatus(run.projectRoot, run.stack)).state !== "absent") {
        await deleteCluster(run.projectRoot, run.stack, (line) => run.observer.note(line));
      }
      await forget(opened, workspace, run);
    });
    removeEmptyFolders(layout);
    return true;
  }

  async function status(run: EngineRun): Promise<StackStatus | undefined> {
    const workspace = workspaceOf(run, process.env);
    if (!existsSync(workspace.folder)) return undefined;
    checkBackend(run, workspace);
    const stack = await existingStack(run.stack, await open(workspace));
    if (stack === undefined) return undefined;
    const { deployment } = (await stack.exportStack()) as { deployment: Deployment | null };
    const outputs = await stack.outputs();
    // Not the output of that name: a run that was cut short has made none.
    const access = accessOf(deployment);
    const shown = Object.fromEntries(
      Object.entries(outputs).map(([name, { value, secret }]) => [name, secret ? "[secret]" : (value as unknown)]),
    );
    const server = access && (await ApiServer.open(access).catch(() => undefined));
    const expected = expectedOf(deployment);
    const answers = server !== undefined && (await server.answers());
    const findings = answers ? await inspect(server, expected, run.signal) : [];
    const made = new Set((deployment?.resources ?? []).map(({ urn }) => urn));
    return { reachable: answers || expected.length === 0, findings, deployed: made, outputs: shown };
  }

  async function open({ folder, env }: PulumiWorkspace): Promise<Workspace> {
    const { LocalWorkspace, PulumiCommand: Command } = await import("@pulumi/pulumi/automation/index.js");
    return LocalWorkspace.create({
      workDir: folder,
      pulumiCommand: await commandOf(cli, Command),
      envVars: { ...env },
    });
  }
}

async function bringUp(stack: Stack, options: Operation, run: EngineRun): Promise<UpResult> {
  const { refresh, clusterFirst, note } = await comparisonOf(stack);
  if (note !== undefined) run.observer.note(note);
  if (clusterFirst.length > 0) {
    // All the others are "unchanged" in this pass, because it does not look at them.
    const onEvent = (event: EngineEvent) => event.resourcePreEvent?.metadata.op === "same" || options.onEvent(event);
    await stack.up({ ...options, onEvent, target: [...clusterFirst] });
  }
  return stack.up({ ...options, refresh });
}

/** Undefined where the backend does not hold it: a first run was killed before it was made, or its person removed it. */
async function existingStack(name: string, opened: Workspace): Promise<Stack | undefined> {
  const { Stack, StackNotFoundError } = await import("@pulumi/pulumi/automation/index.js");
  return Stack.select(name, opened).catch((error: unknown) => {
    if (error instanceof StackNotFoundError) return undefined;
    throw error;
  });
}

/** The same work, with its failures told as what people can do. */
function told<T>(work: (run: EngineRun) => Promise<T>): (run: EngineRun) => Promise<T> {
  return (run) =>
    work(run).catch((error: unknown) => {
      throw explained(error, run);
    });
}

interface Operation {
  readonly onEvent: PulumiEvents["onEvent"];
  readonly signal?: AbortSignal;
  readonly color: "never";
  readonly suppressProgress: true;
}

/** Runs an operation of the CLI and turns its failure into what people need of it. */
async function operate<T>(run: EngineRun, work: (options: Operation) => Promise<T>): Promise<T> {
  const events = new PulumiEvents(run.observer);
  // On a terminal Ctrl-C reaches the CLI by itself; a second signal from here would make it give up at once.
  const signal = process.stdin.isTTY ? undefined : run.signal;
  try {
    return await work({ onEvent: events.onEvent, signal, color: "never", suppressProgress: true });
  } catch (error) {
    events.close();
    const message = events.errors.join("\n");
    if (/plugin/i.test(message)) {
      throw new UserError(
        `${message}\nA plugin of the Pulumi CLI cannot be had. Put it on PATH, or use the embedded runner: ` +
          "npm start -- --engine embedded",
        { cause: error },
      );
    }
    throw new UserError(message === "" ? firstLines(error) : message, { cause: error });
  } finally {
    events.close();
  }
}

/** Whether a deployment has failed before it made anything. */
async function isUntouched(stack: Stack, run: EngineRun): Promise<boolean> {
  const { deployment } = (await stack.exportStack()) as { deployment: Deployment | null };
  const { resources = [], pending_operations: pending = [] } = deployment ?? {};
  const made = resources.filter(({ type }) => type !== "pulumi:pulumi:Stack" && !type.startsWith("talos-mesh:"));
  return made.length + pending.length === 0 && (await clusterStatus(run.projectRoot, run.stack)).state === "absent";
}

/**
 * Removes a stack of which nothing is there any more, and what we keep for it. In a backend that its person has chosen
 * the empty stack stays, as after `pulumi destroy`: its history, tags and permissions are theirs.
 */
async function forget(opened: Workspace, workspace: PulumiWorkspace, run: EngineRun): Promise<void> {
  let others = 1;
  if (workspace.backend !== undefined) {
    const stacks = await opened.listStacks();
    others = stacks.filter(({ name }) => name.split("/").at(-1) !== run.stack).length;
    if (others < stacks.length) await opened.removeStack(run.stack, { force: true });
  }
  rmSync(workspace.folder, { recursive: true, force: true });
  removeEmptyBackend(run, workspace, others);
  removeTraces(stackLayout(run.projectRoot, run.stack));
}

async function commandOf(cli: PulumiCli, Command: typeof PulumiCommand): Promise<PulumiCommand> {
  // The Automation API wants the folder above `bin`, and takes anything else from PATH.
  const folder = path.dirname(cli.path);
  return path.basename(folder) === "bin" ? Command.get({ root: path.dirname(folder) }) : Command.get();
}
