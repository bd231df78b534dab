import { existsSync } from "node:fs";
import { UserError } from "../../embedded/program/errors";
import { CommandError, runCommand } from "../../embedded/tools/run-command";
import { commandFor } from "../stack-option";
import { findPulumi } from "./pulumi-cli";
import { workspaceOf } from "./pulumi-workspace";
import type { StackOfProject } from "./engine";

/**
 * What the CLI answers about a stack: from the workspace that `npm start` deploys in, or else from the backend the
 * person has chosen for the project.
 *
 * @param args of `pulumi stack`: `["output", "--json"]`
 * @param reason who asks, for the message where there is no CLI
 * @throws UserError where there is no CLI or no such stack
 */
export async function queryStack(of: StackOfProject, args: readonly string[], reason: string): Promise<string> {
  const cli = await findPulumi(process.env);
  if ("problem" in cli)
    throw new UserError(
      `${reason} with the Pulumi CLI: ${cli.problem}. Put it on PATH: https://www.pulumi.com/docs/install`,
    );
  const workspace = workspaceOf(of, process.env);
  const ours = existsSync(workspace.folder);
  try {
    return await runCommand(cli.path, ["stack", ...args, "--non-interactive", "--stack", of.stack], {
      cwd: ours ? workspace.folder : of.projectRoot,
      env: ours ? { ...process.env, ...workspace.env } : process.env,
      timeoutMs: 120_000,
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new UserError(`${reason}, and ${explanation(error.output.join("\n"), of.stack)}`, { cause: error });
  }
}

/** Why the CLI has no answer, and what to do about it. */
export function explanation(said: string, stack: string): string {
  const start = `\`${commandFor("npm start", stack)}\``;
  if (/no stack named/.test(said)) return `the stack "${stack}" is not deployed; ${start} deploys it.`;
  const [, output] = /does not have output property '([^']+)'/.exec(said) ?? [];
  if (output === undefined) return `the Pulumi CLI has no answer: ${said}`;
  return `the stack "${stack}" has no output ${output} yet: its deployment did not come to its end. ${start} completes it.`;
}
