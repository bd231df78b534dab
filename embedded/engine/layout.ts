import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import path from "node:path";

/** Where the runner and the engines keep what they know of one stack. */
export interface StackLayout {
  /** `.talos-mesh/<stack>` */
  readonly folder: string;
  readonly state: string;
  readonly key: string;
  readonly lock: string;
  /** Name of the engine that has deployed it. */
  readonly engine: string;
  readonly helm: string;
}

export function stackLayout(projectRoot: string, stack: string): StackLayout {
  const folder = path.join(projectRoot, ".talos-mesh", stack);
  return {
    folder,
    state: path.join(folder, "state.json"),
    key: path.join(folder, "key"),
    lock: path.join(folder, "lock"),
    engine: path.join(folder, "engine"),
    helm: path.join(folder, "helm"),
  };
}

/** Removes what is left of a stack that has been taken down; logs stay, and so does a folder that holds more. */
export function removeTraces({ folder, state, key, engine, helm }: StackLayout): void {
  const charts = path.join(folder, "charts");
  for (const trace of [state, `${state}.part`, key, engine, helm, charts]) {
    rmSync(trace, { recursive: true, force: true });
  }
}

/** Removes the stack's folder, and the one that holds all stacks, where nothing is left in them. */
export function removeEmptyFolders({ folder }: StackLayout): void {
  const all = path.dirname(folder);
  const isEmpty = (each: string) => existsSync(each) && readdirSync(each).length === 0;
  if (isEmpty(folder)) rmdirSync(folder);
  // Whose records these are need not be known where there are none.
  if (existsSync(all) && readdirSync(all).join() === "home") rmSync(path.join(all, "home"));
  if (isEmpty(all)) rmdirSync(all);
}
