import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { stackLayout } from "../runner/layout";
import type { EngineName } from "./engine";

interface StackOfProject {
  readonly projectRoot: string;
  readonly stack: string;
}

/** The engine that has deployed the stack, as far as anything of it is there. */
export function recordedEngine({ projectRoot, stack }: StackOfProject): EngineName | undefined {
  const { engine, state } = stackLayout(projectRoot, stack);
  if (existsSync(engine)) {
    const name = readFileSync(engine, "utf8").trim();
    if (name === "pulumi" || name === "embedded") return name;
  }
  return existsSync(state) ? "embedded" : undefined;
}

/** Remembers which engine deploys a stack; called before anything is made. */
export function recordEngine({ projectRoot, stack }: StackOfProject, name: EngineName): void {
  const { engine } = stackLayout(projectRoot, stack);
  mkdirSync(path.dirname(engine), { recursive: true, mode: 0o700 });
  writeFileSync(engine, `${name}\n`);
}

/** Forgets it again, where nothing came of it. */
export function forgetEngine({ projectRoot, stack }: StackOfProject): void {
  rmSync(stackLayout(projectRoot, stack).engine, { force: true });
}
