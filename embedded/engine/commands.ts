import type { local } from "@pulumi/command";
import type * as pulumi from "@pulumi/pulumi";
import { CommandError, runCommand, type CommandOutput, type RunOptions } from "../../components/shared/run-command";
import { UserError } from "../../components/shared/problem";
import { own } from "../../components/shared/own";

export type CommandInputs = Readonly<pulumi.Unwrap<local.CommandArgs>>;

const supported = "create update delete environment stdin dir interpreter addPreviousOutputInEnv logging".split(" ");

export function commandInputs(inputs: Readonly<Record<string, unknown>>): CommandInputs {
  refuseUnsupported(Object.keys(inputs).filter((key) => own(inputs, key) !== undefined && !supported.includes(key)));
  return inputs;
}

/** @throws UserError where a resource has inputs that only its provider supports */
export function refuseUnsupported(inputs: readonly string[]): void {
  if (inputs.length > 0) throw new UserError(`${inputs.join(", ")}: not supported here, needs the Pulumi CLI`);
}

interface ScriptOptions extends Pick<RunOptions, "timeoutMs" | "signal" | "secretOutput"> {
  readonly cwd: string;
  /** Called with each line that the inputs' `logging` includes. */
  readonly onLine?: (line: string) => void;
  readonly previous?: CommandOutput;
}

/** Enough for the longest message of a command of this project: six missing tools, and every source tried for each. */
const keptLines = 120;

/**
 * Runs one of a command's scripts as the provider does: `/bin/sh -c` unless there is an interpreter, with the inputs'
 * environment over the caller's, and without one newline at the end of each output.
 *
 * Source: pulumi-command, provider/pkg/provider/local/commandOutputs.go.
 */
export async function runScript(script: string, inputs: CommandInputs, options: ScriptOptions): Promise<CommandOutput> {
  const [shell = "/bin/sh", ...args] = inputs.interpreter?.length ? inputs.interpreter : ["/bin/sh", "-c"];
  const previous = inputs.addPreviousOutputInEnv === false ? undefined : options.previous;
  const env = {
    ...process.env,
    ...inputs.environment,
    ...(previous?.stdout && { PULUMI_COMMAND_STDOUT: previous.stdout }),
    ...(previous?.stderr && { PULUMI_COMMAND_STDERR: previous.stderr }),
  };
  const { logging = "stdoutAndStderr" } = inputs;
  const logged = (stream: "stdout" | "stderr") => logging === stream || logging === "stdoutAndStderr";
  try {
    const { stdout, stderr } = await runCommand(shell, [...args, script], {
      ...options,
      cwd: inputs.dir ?? options.cwd,
      env,
      input: inputs.stdin,
      keptLines,
      onLine: (line, stream) => {
        if (logged(stream) && !(stream === "stdout" && options.secretOutput === true)) options.onLine?.(line);
      },
      ownGroup: true,
    });
    return { stdout: stdout.replace(/\n$/, ""), stderr: stderr.replace(/\n$/, "") };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    // Without the script's text, which may be long.
    throw new UserError([error.reason, ...error.output].join("\n"), { cause: error });
  }
}
