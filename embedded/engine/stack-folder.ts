import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { removeIfEmpty } from "../../components/shared/files";
import { withLock } from "../../components/shared/lock";
import { UserError } from "../../components/shared/problem";

/**
 * Paths of what the engines keep of one stack: the lock, the name of the engine that has deployed it, and Helm's cache,
 * configuration and data.
 */
type StackFolder = Readonly<Record<"folder" | "lock" | "engine" | "helm", string>>;

export function stackFolder(projectRoot: string, stack: string): StackFolder {
  const folder = path.join(projectRoot, ".talos-mesh", stack);
  const file = (name: string) => path.join(folder, name);
  return { folder, lock: file("lock"), engine: file("engine"), helm: file("helm") };
}

/** Runs `work`, unless another live process works on the stack. */
export function withStackLock<T>({ folder, lock }: StackFolder, work: () => Promise<T>): Promise<T> {
  const purpose = "working on this stack";
  const onWait = ({ pid }: { readonly pid: number }): never => {
    throw new UserError(
      `Process ${pid} is ${purpose} already (it holds ${lock}). Wait until it is done, or end it, then run this again.`,
    );
  };
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return withLock(lock, { waitMs: 0, purpose, onWait }, work);
}

/** Removes the stack's folder, and the one of all stacks, where nothing is left in them. */
export function removeEmptyFolders({ folder }: StackFolder): void {
  const all = path.dirname(folder);
  removeIfEmpty(folder);
  // The project of the records, which matters only where there are some.
  if (existsSync(all) && readdirSync(all).join() === "home") rmSync(path.join(all, "home"));
  removeIfEmpty(all);
}
