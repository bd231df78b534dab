import * as command from "@pulumi/command";
import type * as pulumi from "@pulumi/pulumi";

export interface LifecycleCommandArgs {
  /** Brings the thing about, whatever state it is in; runs again whenever an input changes. Must be re-runnable. */
  readonly apply: string;
  /** What a changed input runs, where that is not `apply`. */
  readonly update?: string;
  /** Takes it down; must succeed when nothing is there. @default nothing happens on destroy */
  readonly delete?: string;
  /** Where the input goes: never into the text of a command, which errors and logs repeat. */
  readonly environment?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Input of any size; one environment variable holds at most 128 KiB. */
  readonly stdin?: pulumi.Input<string>;
  /** Whether stdout and stderr are secret. stdout is never logged either way; stderr is, so scripts keep it clean. */
  readonly secretOutput?: boolean;
  /**
   * Whether a changed input's run gets the last run's stdout, as PULUMI_COMMAND_STDOUT: for what is made once, or has to
   * know what there was. Its stderr comes along, in a variable of its own: each must stay below the 128 KiB that Linux
   * allows one, or the command never runs again. @default false
   */
  readonly previousOutput?: boolean;
}

/**
 * The only way this project runs a command. It leaves out `triggers`: a changed trigger deletes what it has just
 * made anew, while any other changed input runs `apply` again. Two more defaults of the provider are turned off: the
 * previous output in the environment (it can be too big to start a process with) and logging of stdout.
 *
 * Source: pulumi-command, provider/pkg/provider/local.
 */
export function lifecycleCommand(
  name: string,
  args: LifecycleCommandArgs,
  opts: pulumi.CustomResourceOptions,
): command.local.Command {
  return new command.local.Command(
    name,
    {
      create: args.apply,
      update: args.update ?? args.apply,
      delete: args.delete,
      environment: args.environment,
      stdin: args.stdin,
      addPreviousOutputInEnv: args.previousOutput ?? false,
      logging: command.local.Logging.Stderr,
    },
    { ...opts, additionalSecretOutputs: args.secretOutput ? ["stdout", "stderr"] : [] },
  );
}

export interface LookArgs {
  /** Reads and changes nothing, ends soon, and well whatever it finds: a failure would end the preview. */
  readonly command: string;
  readonly environment?: Readonly<Record<string, pulumi.Input<string>>>;
  readonly stdin?: pulumi.Input<string>;
}

/** What a script sees now, on every run of the program; not asked while an input is unknown. */
export function look(args: LookArgs, opts: pulumi.InvokeOptions): pulumi.Output<string> {
  return command.local.runOutput(
    {
      ...args,
      environment: { ...args.environment },
      addPreviousOutputInEnv: false,
      logging: command.local.Logging.None,
    },
    opts,
  ).stdout;
}
