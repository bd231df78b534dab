import { createInterface } from "node:readline/promises";
import { UserError } from "../../embedded/program/errors";
import { CollectedChanges } from "../report/changes";
import type { Terminal } from "../report/terminal";
import type { Engine, EngineRun } from "./engine";
import { environmentOf } from "./wanted";

export interface Question {
  readonly engine: Engine;
  readonly run: EngineRun;
  /** Whether `--yes` was given. */
  readonly yes: boolean;
  /** What is about to happen, and the command for it. */
  readonly verb: "deploy" | "destroy";
  readonly command: string;
  readonly terminal: Terminal;
  /** @default whether stdin and stdout are a terminal */
  readonly interactive?: boolean;
}

/**
 * Whether to go on. `dev` needs no confirmation; for any other environment the changes are shown first.
 *
 * @throws UserError where there is no terminal to confirm on and `--yes` was not given
 */
export async function confirmed(question: Question): Promise<boolean> {
  const { engine, run, yes, verb, command, terminal } = question;
  const environment = environmentOf(run);
  if (environment === undefined || environment === "dev" || yes || engine.preview === undefined) return true;
  const { stack } = run;
  if (!(question.interactive ?? (process.stdin.isTTY && process.stdout.isTTY))) {
    const config = run.configFile.endsWith(`/Pulumi.${stack}.yaml`) ? "" : ` --config ${run.configFile}`;
    throw new UserError(
      `The stack "${stack}" is a ${environment} environment, and there is no terminal to confirm on; pass --yes to ${verb} it.\n` +
        `Nothing was changed. The command: ${command} -- --stack ${stack}${config} --yes`,
    );
  }
  const changes = new CollectedChanges(run.observer);
  await engine.preview({ ...run, observer: changes }, verb);
  changes.report(terminal);
  if (verb === "deploy" && changes.none) return true;
  const prompt = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await prompt.question(`\nType the stack's name to ${verb} it (${environment}): `);
    if (answer.trim() === stack) return true;
  } finally {
    prompt.close();
  }
  terminal.line("Nothing was changed.");
  return false;
}
