import { readFileSync } from "node:fs";
import type * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { clusterName } from "../model/layers";
import { kubeconfigPath } from "./kinds/existing";
import { type ClusterArgs, type ClusterComponent, clusterProvider } from "./cluster";
import { own } from "../shared/own";

/** A cluster that already exists: nothing of it is created, changed or deleted except for what later layers create in it. */
export class ExistingCluster extends pulumi.ComponentResource implements ClusterComponent {
  readonly provider: kubernetes.Provider;
  readonly kubeconfig: pulumi.Output<string>;
  readonly kubeconfigCommand: string;

  constructor(
    name: string,
    args: Pick<ClusterArgs<"existing">, "settings" | "context" | "secrets" | "sharedKubeconfig">,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("talos-mesh:cluster:ExistingCluster", name, {}, opts);
    const { settings, context, secrets, sharedKubeconfig } = args;
    const { file, secret, context: kubeContext = settings.shared?.kubeContext } = settings.kubeconfig ?? {};

    this.kubeconfigCommand = file
      ? `export KUBECONFIG="${file.replace(/^~\//, "$HOME/")}"`
      : "pulumi stack output kubeconfig --show-secrets > kubeconfig";
    // Validation has checked the content. Rendering reads no file outside of the project.
    const read = (path: string) =>
      context.render ? path : readFileSync(kubeconfigPath(path, context.projectRoot), "utf8");
    const text = sharedKubeconfig ?? (file === undefined ? own(secrets, secret ?? "") : read(file));
    if (text === undefined) throw new Error(`validation refuses a missing secret: ${secret}`);
    this.kubeconfig = pulumi.secret(text);
    const providerArgs = { kubeconfig: this.kubeconfig, context: kubeContext };
    this.provider = clusterProvider(name, providerArgs, context.stack, clusterName(settings), this);

    this.registerOutputs({ kubeconfigCommand: this.kubeconfigCommand });
  }
}
