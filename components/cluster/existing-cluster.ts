import { readFileSync } from "node:fs";
import type * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ProgramContext } from "../settings/context";
import type { ExistingClusterSettings } from "./kinds";
import { kubeconfigPath } from "./kinds/existing";
import { type ClusterComponent, clusterProvider } from "./cluster";

export interface ExistingClusterArgs {
  readonly settings: ExistingClusterSettings;
  readonly context: ProgramContext;
  readonly secrets: Readonly<Record<string, pulumi.Output<string>>>;
}

/** A cluster that already exists: nothing of it is created, changed or deleted except for what later layers create in it. */
export class ExistingCluster extends pulumi.ComponentResource implements ClusterComponent {
  readonly provider: kubernetes.Provider;
  readonly kubeconfig: pulumi.Output<string>;
  readonly kubeconfigCommand: string;

  constructor(name: string, args: ExistingClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("talos-mesh:cluster:ExistingCluster", name, {}, opts);
    const { settings, context, secrets } = args;
    const { file, secret, context: kubeContext } = settings.kubeconfig;

    this.kubeconfigCommand = file
      ? `export KUBECONFIG="${file.replace(/^~\//, "$HOME/")}"`
      : "pulumi stack output kubeconfig --show-secrets > kubeconfig";
    // Validation has checked the content. Rendering reads no file outside of the project.
    const text = (path: string) =>
      context.render ? path : readFileSync(kubeconfigPath(path, context.projectRoot), "utf8");
    this.kubeconfig = pulumi.secret(file === undefined ? secretOf(secrets, secret) : text(file));
    const providerArgs = { kubeconfig: this.kubeconfig, context: kubeContext };
    this.provider = clusterProvider(name, providerArgs, context.stack, settings.name, this);

    this.registerOutputs({ kubeconfigCommand: this.kubeconfigCommand });
  }
}

function secretOf(secrets: ExistingClusterArgs["secrets"], name = ""): pulumi.Output<string> {
  const text = secrets[name];
  if (text === undefined) throw new Error(`validation refuses a missing secret: ${name}`);
  return text;
}
