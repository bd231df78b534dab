import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { UserError } from "../../embedded/program/errors";
import { ApiServer } from "../../components/shared/kubernetes/api-server";
import { stackLayout } from "../../embedded/engine/layout";
import { Helm, revisionsOf } from "../../embedded/engine/releases";
import { ensureTools } from "../../embedded/tools/ensure-tools";
import { listProcesses } from "../../components/shared/process-identity";
import type { EngineRun } from "./engine";
import { accessOf, type Deployment, type StateResource } from "./pulumi-state";
import type { PulumiWorkspace } from "./pulumi-workspace";

/**
 * A killed CLI leaves its lock, marks of what it was doing, and Helm releases that were being made: the next one would
 * refuse to go on from each. Only done in our own backend, where our own lock says that nobody else is at work.
 *
 * @throws UserError while the killed run's CLI is still alive.
 */
export async function recover(stack: Stack, { backend }: PulumiWorkspace, run: EngineRun): Promise<void> {
  if (backend === undefined) return;
  removeDeadLocks(path.join(backend, ".pulumi", "locks"), run.stack);
  // Asking the CLI takes a second, and nearly always for nothing.
  if (!mayBePending(path.join(backend, ".pulumi", "stacks"), run.stack)) return;
  const exported = await stack.exportStack();
  const deployment = exported.deployment as Deployment | null;
  const pending = deployment?.pending_operations ?? [];
  if (deployment === null || pending.length === 0) return;
  run.observer.note(`The last run was cut short: ${pending.map(({ resource }) => nameOf(resource)).join(", ")}.`);
  await mendReleases(deployment, run);
  // Last, so that a recovery that is cut short itself is done again.
  await stack.importStack({ ...exported, deployment: { ...deployment, pending_operations: [] } });
}

function mayBePending(stacks: string, stack: string): boolean {
  if (!existsSync(stacks)) return false;
  const files = readdirSync(stacks, { recursive: true, encoding: "utf8" });
  const checkpoint = files.find((file) => path.basename(file) === `${stack}.json`);
  return checkpoint === undefined || readFileSync(path.join(stacks, checkpoint), "utf8").includes("pending_operations");
}

/** @throws UserError while a CLI works on the stack. */
export function removeDeadLocks(locks: string, stack: string): void {
  if (!existsSync(locks)) return;
  for (const file of readdirSync(locks, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".json") || !file.split(path.sep).includes(stack)) continue;
    const { pid } = JSON.parse(readFileSync(path.join(locks, file), "utf8")) as { pid?: number };
    if (pid !== undefined && isPulumi(pid)) {
      throw new UserError(`Process ${pid}, a Pulumi CLI, is working on this stack. Wait until it is done.`);
    }
    rmSync(path.join(locks, file));
  }
}

/** The provider takes no release whose making was cut short: it is not in its state, and its name is in use. */
async function mendReleases(deployment: Deployment, run: EngineRun): Promise<void> {
  const releases = (deployment.pending_operations ?? []).flatMap(({ type, resource }) => {
    const { name, namespace = "default" } = (resource.inputs ?? {}) as { name?: unknown; namespace?: string };
    const isRelease = resource.type === "kubernetes:helm.sh/v3:Release";
    return isRelease && typeof name === "string" ? [{ type, name, namespace }] : [];
  });
  const access = accessOf(deployment);
  if (releases.length === 0 || access === undefined) return;
  const server = await ApiServer.open(access);
  if (!(await server.answers())) return;
  const { helm: program } = await ensureTools(["helm"], { progress: run.onTool, signal: run.signal });
  const helm = new Helm(program, stackLayout(run.projectRoot, run.stack).helm, access);
  const options = { cwd: run.projectRoot, signal: run.signal };
  for (const { type, ...release } of releases) {
    if (type === "creating") await helm.uninstall(server, release, { ...options, hooks: false });
    else await helm.mend(server, release, await revisionsOf(server, release, run.signal), options);
  }
}

function nameOf({ urn }: StateResource): string {
  return urn.split("::").at(-1) ?? urn;
}

/** Whether a CLI still runs under the number; after a reboot it may be another program's, and a zombie does nothing. */
function isPulumi(pid: number): boolean {
  const found = listProcesses().find((each) => each.pid === pid);
  return found !== undefined && /(^|\/)pulumi(\.exe)?( |$)/.test(found.command);
}
