import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import type { ClusterAccess } from "../../components/shared/kubernetes/api-server";
import { isTree } from "../../components/shared/merge";
import { listProcesses } from "../../components/shared/process-identity";
import { UserError } from "../../components/shared/problem";
import { begunIn } from "../../components/shared/recovery";
import type { EngineRun } from "./engine";

/** Key of the wrapper around a secret value in states and events. Source: pulumi/pulumi, sdk/go/common/resource/sig. */
export const secretMark = "4dabf18193072939515e22adb298388d";

export interface Deployment {
  readonly manifest?: { readonly time?: string; readonly version?: string };
  /** What encrypts the secrets. */
  readonly secrets_providers?: { readonly type?: string };
  readonly resources?: readonly StateResource[];
  /** What a killed CLI was doing. */
  readonly pending_operations?: readonly { readonly type: string; readonly resource: StateResource }[];
}

export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** How to reach the first cluster in a state that was exported with its secrets. */
export function accessOf(deployment: Deployment | null): ClusterAccess | undefined {
  const { inputs } = deployment?.resources?.find(({ type }) => type === "pulumi:providers:kubernetes") ?? {};
  const [kubeconfig, context] = [plainString(inputs?.kubeconfig), plainString(inputs?.context)];
  // The current context of the kubeconfig may be another cluster's.
  return kubeconfig === undefined ? undefined : { kubeconfig, ...(context !== undefined && { context }) };
}

/** A string of an exported state; a secret one is JSON in a wrapper. */
export function plainString(value: unknown): string | undefined {
  const isSecret = isTree(value) && secretMark in value && typeof value.plaintext === "string";
  const text: unknown = isSecret ? JSON.parse(value.plaintext as string) : value;
  return typeof text === "string" ? text : undefined;
}

/** The locks of a stack in a backend that is a folder. `owner` is the live CLI that holds one; undefined: it was killed. */
export function locksOf(locks: string, stack: string): { readonly file: string; readonly owner?: number }[] {
  if (!existsSync(locks)) return [];
  const files = readdirSync(locks, { recursive: true, encoding: "utf8" });
  return files.flatMap((name) => {
    if (!name.endsWith(".json") || !name.split(path.sep).includes(stack)) return [];
    const file = path.join(locks, name);
    const { pid } = JSON.parse(readFileSync(file, "utf8")) as { pid?: number };
    // After a reboot the number may be another program's, and a zombie does nothing.
    const owner = listProcesses().find((each) => each.pid === pid);
    return [{ file, ...(owner && /(^|\/)pulumi(\.exe)?( |$)/.test(owner.command) && { owner: owner.pid }) }];
  });
}

/** Removes the locks of CLIs that were killed, which make every later CLI refuse to work on the stack. */
export function removeDeadLocks(locks: string, stack: string): void {
  for (const { file, owner } of locksOf(locks, stack)) {
    if (owner !== undefined) {
      throw new UserError(`Process ${owner}, a Pulumi CLI, is working on this stack. Wait until it is done.`);
    }
    rmSync(file);
  }
}

/**
 * Repairs what a killed CLI was doing: the state no longer has it as pending, and the next run takes over what it has begun
 * to create.
 *
 * @returns the same deployment without pending operations; undefined where there are none
 */
export function repaired(deployment: Deployment, run: EngineRun): Deployment | undefined {
  const pending = deployment.pending_operations ?? [];
  if (pending.length === 0) return undefined;
  const names = new Set(pending.map(({ resource: { urn } }) => urn.split("::").at(-1) ?? urn));
  run.observer.note(`The last run was interrupted at ${[...names].join(", ")}.`);
  const begun = begunIn(run.projectRoot, run.stack);
  for (const { type, resource } of pending) if (type === "creating") begun.add(resource.urn);
  return { ...deployment, pending_operations: [] };
}
