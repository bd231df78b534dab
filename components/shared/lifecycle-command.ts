import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { own } from "./own";

export interface LifecycleCommandArgs {
  /** Brings about the wanted state from any other one. Runs again whenever an input changes, so it must be re-runnable. */
  readonly apply: string;
  /** What a changed input runs. @default apply */
  readonly update?: string;
  /** Undoes it; must succeed when there is nothing to undo. @default nothing happens on destroy */
  readonly delete?: string;
  /** Where input goes: never into the text of a command, which errors and logs repeat. */
  readonly environment?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Input of any size; one environment variable holds at most 128 KiB. */
  readonly stdin?: pulumi.Input<string>;
  /** Whether stdout and stderr are secret. stdout is never logged either way; stderr is, so scripts keep it clean. */
  readonly secretOutput?: boolean;
  /**
   * Whether a changed input's run gets the last run's stdout, as PULUMI_COMMAND_STDOUT, and its stderr in another variable.
   * Each must stay below the 128 KiB that Linux allows one, or the command never runs again. @default false
   */
  readonly previousOutput?: boolean;
}

/**
 * The only way this project runs a command. Without `triggers`: a changed trigger deletes what it has just created again,
 * while any other changed input runs `apply`. Two more defaults of the provider are turned off: the previous output in the
 * environment (it can be too big to start a process with) and logging of stdout.
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

/**
 * The stdout of a command that runs on every run of the program, previews too, unless an input is unknown. It only reads,
 * ends soon, and succeeds whatever it finds: a failure would end the preview.
 */
export function queryCommand(
  args: Pick<LifecycleCommandArgs, "environment" | "stdin"> & { readonly command: string },
  opts: pulumi.InvokeOptions,
): pulumi.Output<string> {
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

/** A secret of 32 letters and digits: generated once, then kept in the stack's state, encrypted as every secret there. */
export function generatedSecret(name: string, opts: pulumi.CustomResourceOptions): pulumi.Output<string> {
  const generated = lifecycleCommand(
    name,
    { apply: "exec node components/shared/scripts/random-secret.cjs", secretOutput: true, previousOutput: true },
    opts,
  );
  return pulumi.secret(generated.stdout);
}

/** By URN. */
interface OwnState {
  readonly outputs: Readonly<
    Record<string, { readonly outputs?: { readonly stdout?: pulumi.Input<string> } } | undefined>
  >;
}

/**
 * The stdout of a command. In a preview in which the command is to run again, it is what the last run printed, and a last line
 * that says so: the real text would be unknown, and with it everything that it is an input of. What has it as an input is
 * previewed as changed.
 *
 * @param note the last line, a comment in the format of the text
 */
export function foreseenOutput(command: command.local.Command, note: string): pulumi.Output<string> {
  if (!pulumi.runtime.isDryRun()) return command.stdout;
  const foreseen = async () => {
    // Not in the types of the SDK: an `apply` is not called for an unknown value.
    if (await (command.stdout as unknown as { readonly isKnown: Promise<boolean> }).isKnown) return command.stdout;
    const previous = await lastStdout(command).catch(() => undefined);
    return previous === undefined ? command.stdout : pulumi.secret(`${previous}\n${note}`);
  };
  return pulumi.output(foreseen());
}

/** From the stack's state; undefined where the command has not run before. */
async function lastStdout({ urn }: command.local.Command): Promise<string | undefined> {
  const read = "pulumi:pulumi:readStackResourceOutputs";
  const state = (await pulumi.runtime.invoke(read, { stackName: pulumi.getStack() })) as OwnState;
  const { stdout } = own(state.outputs, await valueOf(urn))?.outputs ?? {};
  return stdout === undefined ? undefined : valueOf(stdout);
}

/** Of an output that is known, secret or not. */
function valueOf(input: pulumi.Input<string>): Promise<string> {
  return new Promise((resolve) => void pulumi.output(input).apply(resolve));
}
