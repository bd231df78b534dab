import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { type LifecycleCommandArgs, lifecycleCommand, queryCommand } from "../../shared/lifecycle-command";

/** A script of ./scripts, which says in its first lines what it does. */
export type StepName =
  | "approve-certificates"
  | "apply"
  | "bootstrap"
  | "docker-down"
  | "docker-up"
  | "drift"
  | "health"
  | "kubeconfig"
  | "machine-config"
  | "machine-secrets"
  | "members"
  | "reset"
  | "schematic"
  | "upgrade"
  | "upgrade-kubernetes";

/** What a step is told: plain settings in the environment, and everything secret on stdin. */
export interface StepInput {
  readonly environment: Readonly<Record<string, pulumi.Input<string>>>;
  /** Machine secrets, and the parts that follow them; see scripts/lib/step.sh. */
  readonly stdin?: pulumi.Input<string>;
}

const partMarker = "# --- talos-mesh: next part ---\n";

/** The stdin of a step: each part on its own, with a marker line between two. */
export function joinParts(...parts: readonly pulumi.Input<string>[]): pulumi.Output<string> {
  return pulumi.all([...parts]).apply((texts) => texts.map((text) => text.replace(/\n?$/, "\n")).join(partMarker));
}

/** The shell command that runs a step; `exec`, so that stopping the command stops the step. */
export function stepCommand(step: StepName): string {
  return `exec bash components/cluster/talos/scripts/${step}.sh`;
}

/** A resource that runs a step when it is made and whenever the step's input changes. */
export function stepResource(
  name: string,
  step: StepName,
  input: StepInput,
  opts: pulumi.CustomResourceOptions & Pick<LifecycleCommandArgs, "secretOutput" | "previousOutput" | "delete">,
): command.local.Command {
  const { secretOutput, previousOutput, delete: remove, ...resourceOptions } = opts;
  return lifecycleCommand(
    name,
    { apply: stepCommand(step), delete: remove, secretOutput, previousOutput, ...input },
    resourceOptions,
  );
}

/** What a step that only reads prints; see `look`. */
export function stepLook(step: StepName, input: StepInput, opts: pulumi.InvokeOptions): pulumi.Output<string> {
  return queryCommand({ command: stepCommand(step), ...input }, opts);
}
