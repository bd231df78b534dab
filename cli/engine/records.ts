import { mkdirSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { readIfExists } from "../../components/shared/files";
import { stackFolder } from "../../embedded/engine/stack-folder";
import type { EngineName, StackOfProject } from "./engine";

/** Where a stack's state is and what encrypts its secrets: ours (in `.talos-mesh`), or chosen by the environment. */
export interface BackendChoice {
  /** `own`, else the address, without any credentials. */
  readonly backend: string;
  readonly passphrase: "own" | "given";
}

function record({ projectRoot, stack }: StackOfProject): string {
  return readIfExists(stackFolder(projectRoot, stack).engine) ?? "";
}

export function recordedEngine(project: StackOfProject): EngineName | undefined {
  const [name] = record(project).split("\n");
  return name === "pulumi" || name === "embedded" ? name : undefined;
}

/** The backend with which the Pulumi CLI has deployed the stack; undefined where it has not. */
export function recordedBackend(project: StackOfProject): BackendChoice | undefined {
  const found = /^pulumi\nbackend: (?<backend>.+)\npassphrase: (?<passphrase>own|given)$/m.exec(record(project));
  return found?.groups && ({ ...found.groups } as unknown as BackendChoice);
}

/** Records the engine that deploys a stack, and its backend; called before anything is deployed. */
export function recordEngine({ projectRoot, stack }: StackOfProject, name: EngineName, choice?: BackendChoice): void {
  const { engine } = stackFolder(projectRoot, stack);
  mkdirSync(path.dirname(engine), { recursive: true, mode: 0o700 });
  const backend = choice && `backend: ${choice.backend}\npassphrase: ${choice.passphrase}\n`;
  writeFileSync(engine, `${name}\n${backend ?? ""}`);
}

export function forgetEngine({ projectRoot, stack }: StackOfProject): void {
  rmSync(stackFolder(projectRoot, stack).engine, { force: true });
}

// The records in `.talos-mesh` belong to one project folder, which the file `home` in it names. A copy of the project
// has a copy of the records, and these lead to the original's cluster: used in the copy, they would destroy it.
const recordsFolder = (root: string) => path.join(root, ".talos-mesh");
const homeFile = (root: string) => path.join(recordsFolder(root), "home");

/** The project that the records belong to, where this one is a copy of it; undefined also where it was moved. */
export function copiedFrom(projectRoot: string): string | undefined {
  const here = realpathSync(projectRoot);
  const home = homeOf(here);
  if (home === undefined || home === here || homeOf(home) !== home) return undefined;
  const [ours, theirs] = [here, home].map((root) => statSync(recordsFolder(root)));
  // One folder may have two names, inside a container and outside.
  return ours?.ino === theirs?.ino && ours?.dev === theirs?.dev ? undefined : home;
}

export function recordHome(projectRoot: string): void {
  mkdirSync(recordsFolder(projectRoot), { recursive: true, mode: 0o700 });
  writeFileSync(homeFile(projectRoot), `${realpathSync(projectRoot)}\n`);
}

/** Removes records that were copied with the project; the original has its own. */
export function dropCopiedRecords(projectRoot: string): void {
  rmSync(recordsFolder(projectRoot), { recursive: true, force: true });
}

function homeOf(root: string): string | undefined {
  return readIfExists(homeFile(root))?.trim();
}
