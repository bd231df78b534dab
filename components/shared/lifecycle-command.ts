import * as command from "@pulumi/command";
import type * as pulumi from "@pulumi/pulumi";

export interface LifecycleCommandArgs {
  /** Brings the thing about, whatever state it is in; runs again whenever an input changes. Must be re-runnable. */
  readonly apply: string;
  /** Takes it down; must succeed when nothing is there. @default nothing happens on destroy */
  readonly delete?: string;
  /** Where the input goes: never into the text of a command, which errors and logs repeat. */
  readonly environment?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Input of any size; one environment variable holds at most 128 KiB. */
  readonly stdin?: pulumi.Input<string>;
  /** Whether stdout and stderr are secret. stdout is never logged either way; stderr is, so scripts keep it clean. */
  readonly secretOutput?: boolean;
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
      update: args.apply,
      delete: args.delete,
      environment: args.environment,
      stdin: args.stdin,
      addPreviousOutputInEnv: false,
      logging: command.local.Logging.Stderr,
    },
    { ...opts, additionalSecretOutputs: args.secretOutput ? ["stdout", "stderr"] : [] },
  );
}
