import { createHash } from "node:crypto";
import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { lifecycleCommand } from "../../shared/lifecycle-command";
import type { StepName, StepRequests } from "./requests";

/** How a step reaches the cluster. */
export interface StepAccess {
  /** Text of a kubeconfig, secret. */
  readonly kubeconfig: pulumi.Input<string>;
  /** Its context. @default the current one */
  readonly kubeContext?: string;
}

/** What a step is told, each part plain or known later. */
type StepInput<Name extends StepName> = {
  readonly [Key in keyof StepRequests[Name]]: pulumi.Input<StepRequests[Name][Key]>;
};

/** `exec`, so that stopping the command stops the step. */
function stepCommand(step: StepName): string {
  return `exec node components/mesh/lifecycle/run.cjs ${step}`;
}

/** Nothing is done until the resource goes. */
const nothing = "true";

/** What a step is told that it should run again where this has changed. */
export function changesWith(madeOf: object): string {
  return createHash("sha256").update(JSON.stringify(madeOf)).digest("hex").slice(0, 12);
}

/**
 * A resource that runs a step: when it is made and whenever what it is told changes, or only when it goes. What the step
 * is told stands in the environment, where a preview shows it; the kubeconfig goes by stdin.
 */
export function lifecycleStep<Name extends StepName>(
  name: string,
  args: {
    readonly step: Name;
    readonly when: "applied" | "deleted";
    readonly access: StepAccess;
    readonly request: StepInput<Name>;
  },
  opts: pulumi.CustomResourceOptions,
): command.local.Command {
  const { step, when, access, request } = args;
  return lifecycleCommand(
    name,
    {
      ...(when === "applied" ? { apply: stepCommand(step) } : { apply: nothing, delete: stepCommand(step) }),
      environment: {
        MESH_STEP: pulumi.jsonStringify(request),
        ...(access.kubeContext !== undefined && { MESH_KUBE_CONTEXT: access.kubeContext }),
      },
      stdin: pulumi.secret(access.kubeconfig),
    },
    opts,
  );
}
