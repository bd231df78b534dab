import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ProgramContext } from "../settings/context";
import type { ExistingClusterSettings } from "../settings/sections/cluster";
import { type Cluster, clusterIdentifier } from "./cluster";

export interface ExistingClusterArgs {
  readonly settings: ExistingClusterSettings;
  readonly context: ProgramContext;
  /** The stack's secrets by name, for a kubeconfig that is kept there. */
  readonly secrets: Readonly<Record<string, pulumi.Output<string>>>;
}

/** A cluster that is there already: nothing of it is made, changed or deleted but what later layers place in it. */
export class ExistingCluster extends pulumi.ComponentResource implements Cluster {
  readonly component = this;
  readonly provider: kubernetes.Provider;
  readonly kubeconfig: pulumi.Output<string>;
  readonly kubeconfigCommand: string;
  readonly nodeAddress?: string;
  readonly simulatedNodes = false;
  readonly talos = false;

  constructor(name: string, args: ExistingClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("talos-mesh:cluster:ExistingCluster", name, {}, opts);
    const { settings, context, secrets } = args;
    const { file, secret, context: kubeContext } = settings.kubeconfig;

    this.nodeAddress = settings.nodeAddress;
    this.kubeconfigCommand = file
      ? `export KUBECONFIG="${file.replace(/^~\//, "$HOME/")}"`
      : "pulumi stack output kubeconfig --show-secrets > kubeconfig";
    this.kubeconfig = file
      ? pulumi.secret(readKubeconfig(file, context))
      : (secrets[secret ?? ""] ?? pulumi.secret(""));
    this.provider = new kubernetes.Provider(
      `${name}-kubernetes`,
      {
        kubeconfig: this.kubeconfig,
        context: kubeContext,
        clusterIdentifier: clusterIdentifier(context.stack, settings.name),
      },
      { parent: this },
    );

    this.registerOutputs({ kubeconfigCommand: this.kubeconfigCommand });
  }
}

function readKubeconfig(file: string, context: ProgramContext): string {
  if (context.render) return file;
  const absolute = path.resolve(context.projectRoot, file.replace(/^~(?=\/)/, homedir()));
  try {
    return readFileSync(absolute, "utf8");
  } catch (error) {
    throw new pulumi.RunError(
      `talos-mesh:cluster.kubeconfig.file: "${file}" cannot be read (${(error as Error).message}). ` +
        "Give the path of the cluster's kubeconfig, or keep its text in talos-mesh:secrets and name it by `secret`.",
    );
  }
}
