import { UserError } from "../../embedded/program/errors";
import type { EngineRun } from "./engine";

/** What a person needs of a failure of the CLI, where that is not what the CLI says. */
export function explained(error: unknown, { stack, signal }: Pick<EngineRun, "stack" | "signal">): unknown {
  if (!(error instanceof Error)) return error;
  // A CLI that was stopped says so in all it has printed; what became of each resource has been told.
  if (signal?.aborted === true) return new UserError(`The run of the stack "${stack}" was stopped.`, { cause: error });
  const said = [error, error.cause].map((each) => (each instanceof Error ? each.message : "")).join("\n");
  if (/incorrect passphrase|passphrase must be set|failed to decrypt/i.test(said)) {
    return new UserError(
      `The passphrase is not the one that the secrets of the stack "${stack}" are encrypted with. ` +
        "Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to that one and run this again.",
      { cause: error },
    );
  }
  return error;
}

export function firstLines(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n").slice(0, 20).join("\n");
}
