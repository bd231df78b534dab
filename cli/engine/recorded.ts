import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { stackLayout } from "../../embedded/engine/layout";
import type { EngineName, StackOfProject } from "./engine";
import type { BackendChoice } from "./pulumi-backend";

/** The engine that has deployed the stack, as far as anything of it is there. */
export function recordedEngine({ projectRoot, stack }: StackOfProject): EngineName | undefined {
  const { engine, state } = stackLayout(projectRoot, stack);
  if (existsSync(engine)) {
    const [name] = readFileSync(engine, "utf8").split("\n");
    if (name === "pulumi" || name === "embedded") return name;
  }
  return existsSync(state) ? "embedded" : undefined;
}

/** The backend with which the Pulumi CLI has deployed the stack; undefined where it has not. */
export function recordedChoice({ projectRoot, stack }: StackOfProject): BackendChoice | undefined {
  const { engine } = stackLayout(projectRoot, stack);
  if (!existsSync(engine)) return undefined;
  const [, backend, passphrase] =
    /^pulumi\nbackend: (.+)\npassphrase: (own|given)$/m.exec(readFileSync(engine, "utf8")) ?? [];
  if (backend === undefined) return undefined;
  return { backend, passphrase: passphrase === "own" ? "own" : "given" };
}

/** Remembers which engine deploys a stack, and with which backend; called before anything is made. */
export function recordEngine({ projectRoot, stack }: StackOfProject, name: EngineName, choice?: BackendChoice): void {
  const { engine } = stackLayout(projectRoot, stack);
  mkdirSync(path.dirname(engine), { recursive: true, mode: 0o700 });
  const backend = choice && `backend: ${choice.backend}\npassphrase: ${choice.passphrase}\n`;
  writeFileSync(engine, `${name}\n${backend ?? ""}`);
}

/** Forgets it again, where nothing came of it. */
export function forgetEngine({ projectRoot, stack }: StackOfProject): void {
  rmSync(stackLayout(projectRoot, stack).engine, { force: true });
}
