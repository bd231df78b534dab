import { existsSync } from "node:fs";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { sharedCluster, type SharedCluster } from "../cluster/kinds/shared-cluster";
import { sharedClusterOf } from "../model/layers";
import type { Model } from "../model/model";
import { asTree } from "../shared/merge";
import { own } from "../shared/own";
import { SettingsError, StackFileError, UserError } from "../shared/problem";
import { ifKnown } from "../shared/unknown";

/** What a stack takes from the one that owns its cluster. */
export interface OtherStack {
  readonly cluster: SharedCluster;
  /** Secret; unknown in a preview before the other stack is deployed. */
  readonly kubeconfig: pulumi.Output<string>;
}

/** The output that holds a `SharedCluster`; the other one is `kubeconfig`. */
const output = "sharedCluster";

/** `cluster.stackReference` of sections that are not checked yet. */
export function referenceIn(sections: Readonly<Record<string, unknown>>): string | undefined {
  const { kind, stackReference } = asTree(own(sections, "cluster"));
  const isReference = typeof stackReference === "string" && /^[^/\s]+\/[^/\s]+\/[^/\s]+$/.test(stackReference);
  return kind === "existing" && isReference ? stackReference : undefined;
}

/**
 * From the other stack's outputs, as it was deployed last. A preview before that takes what its stack file says, so that both
 * can be reviewed together.
 */
export async function deployedStack(reference: string, expected: SharedCluster | undefined): Promise<OtherStack> {
  const stack = new pulumi.StackReference("cluster-stack", { name: reference });
  const value: unknown = (await stack.getOutputDetails(output)).value;
  if (value === undefined && expected !== undefined && pulumi.runtime.isDryRun()) {
    void pulumi.log.warn(`The stack ${reference} is not deployed yet: this preview goes by its stack file.`);
    return { cluster: expected, kubeconfig: pulumi.secret(pulumi.output(pulumi.unknown as unknown as string)) };
  }
  const found = sharedCluster.safeParse(value);
  if (!found.success) {
    const why =
      value === undefined
        ? "has no such output: it is not deployed, or by an older version of this program"
        : `says ${found.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ")}`;
    throw new pulumi.RunError(
      `talos-mesh:cluster.stackReference: found ${reference}; its output ${output} describes the cluster, and it ${why}. ` +
        `Deploy it first: pulumi up --stack ${reference}`,
    );
  }
  const kubeconfig = stack.requireOutput("kubeconfig") as pulumi.Output<string>;
  return { cluster: found.data, kubeconfig: pulumi.secret(kubeconfig) };
}

/** For a rendering, which asks no backend. */
export function describedStack(reference: string, expected: SharedCluster | undefined): OtherStack {
  return {
    cluster: expected ?? missingStackFile(reference),
    kubeconfig: pulumi.secret(`[kubeconfig of ${reference}]`),
  };
}

export function missingStackFile(reference: string): never {
  throw new UserError(
    `talos-mesh:cluster.stackReference: found ${reference}. What this stack installs depends on its cluster, which a command ` +
      `without a backend can only know from the stack file of that stack: put a valid ${fileOf(reference)} next to this stack's.`,
  );
}

/**
 * What the stack file of the other stack says, in the folder of this stack's; undefined where there is none, or it has
 * problems.
 * @param read reads a stack file, and the one that it refers to
 */
export function siblingCluster(
  reference: string,
  stackFile: string,
  read: (file: string) => Model,
): SharedCluster | undefined {
  const file = path.join(path.dirname(stackFile), fileOf(reference));
  if (!existsSync(file)) return undefined;
  try {
    const model = read(file);
    return ifKnown(() => sharedClusterOf(model));
  } catch (error) {
    if (error instanceof SettingsError || error instanceof StackFileError) return undefined;
    throw error;
  }
}

function fileOf(reference: string): string {
  return `Pulumi.${reference.split("/").at(-1) ?? ""}.yaml`;
}
