import { createInterface } from "node:readline/promises";
import { UserError } from "../../embedded/program/errors";
import { CollectedChanges } from "../report/changes";
import type { Terminal } from "../report/terminal";
import type { Engine, EngineRun } from "./engine";
import type { CommandOptions } from "./options";
import { environmentOf } from "./wanted";

export interface Question {
  readonly engine: Engine;
  readonly run: EngineRun;
  readonly options: CommandOptions;
  /** What is about to be done, and the command for it. */
  readonly verb: "deploy" | "destroy";
  readonly command: string;
  readonly terminal: Terminal;
  /** Whether somebody is there to answer. @default whether stdin and stdout are a terminal */
  readonly interactive?: boolean;
}

/**
 * Whether to go on. `dev` is changed unasked; of any other environment it is shown what would change, and asked.
 *
 * @throws UserError where nobody is there to ask and `--yes` was not given
 */
export async function confirmed(question: Question): Promise<boolean> {
  const { engine, run, options, verb, command, terminal } = question;
  const environment = environmentOf(run);
  if (environment === undefined || environment === "dev" || options.yes || engine.preview === undefined) return true;
  const { stack } = run;
  if (!(question.interactive ?? (process.stdin.isTTY && process.stdout.isTTY))) {
    const config = run.configFile.endsWith(`/Pulumi.${stack}.yaml`) ? "" : ` --config ${run.configFile}`;
    throw new UserError(
      `The stack "${stack}" is a ${environment} environment, and nobody is here to ask whether to ${verb} it.\n` +
        `Nothing was touched. To go on unasked: ${command} -- --stack ${stack}${config} --yes`,
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
  terminal.line("Nothing was touched.");
  return false;
}
