import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import type * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";
import type { ProgramContext } from "../settings/context";
import type { ExistingClusterSettings } from "./kinds";
import { type ClusterComponent, clusterProvider } from "./cluster";

export interface ExistingClusterArgs {
  readonly settings: ExistingClusterSettings;
  readonly context: ProgramContext;
  /** The stack's secrets by name, for a kubeconfig that is kept there. */
  readonly secrets: Readonly<Record<string, pulumi.Output<string>>>;
}

/** A cluster that is there already: nothing of it is made, changed or deleted but what later layers place in it. */
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
    this.kubeconfig = file
      ? pulumi.secret(readKubeconfig(file, context))
      : kubeconfigSecret(secret ?? "", secrets, context);
    const providerArgs = { kubeconfig: this.kubeconfig, context: kubeContext };
    this.provider = clusterProvider(name, providerArgs, context.stack, settings.name, this);

    this.registerOutputs({ kubeconfigCommand: this.kubeconfigCommand });
  }
}

function readKubeconfig(file: string, context: ProgramContext): string {
  if (context.render) return file;
  const absolute = path.resolve(context.projectRoot, file.replace(/^~(?=\/)/, homedir()));
  let text: string;
  try {
    text = readFileSync(absolute, "utf8");
  } catch (error) {
    throw new pulumi.RunError(
      `talos-mesh:cluster.kubeconfig.file: "${file}" cannot be read (${(error as Error).message}). ` +
        "Give the path of the cluster's kubeconfig, or keep its text in talos-mesh:secrets and name it by `secret`.",
    );
  }
  return checked(text, `talos-mesh:cluster.kubeconfig.file: "${file}"`);
}

function kubeconfigSecret(
  name: string,
  secrets: ExistingClusterArgs["secrets"],
  context: ProgramContext,
): pulumi.Output<string> {
  const text = secrets[name];
  if (text === undefined) throw new pulumi.RunError(`talos-mesh:secrets.${name}: there is no such secret`);
  return context.render ? text : text.apply((value) => checked(value, `talos-mesh:secrets.${name}`));
}

/** A provider given no cluster takes the current context of whoever runs it: that must not happen by an empty text. */
function checked(text: string, where: string): string {
  const { clusters, users } = entries(text);
  if (clusters.length === 0) throw new pulumi.RunError(`${where} is not a kubeconfig: it names no cluster`);
  const relative = [...clusters, ...users].find((file) => file !== "" && !path.isAbsolute(file));
  if (relative !== undefined) {
    throw new pulumi.RunError(
      `${where} refers to the file "${relative}" by a relative path, which has no meaning elsewhere. ` +
        "Write its content into it: kubectl config view --raw --flatten",
    );
  }
  return text;
}

interface NamedEntry {
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
}

/** The files that the clusters and users of a kubeconfig name; an empty text for one that names none. */
function entries(text: string): { clusters: string[]; users: string[] } {
  let config: { clusters?: readonly NamedEntry[]; users?: readonly NamedEntry[] } | null;
  try {
    config = parse(text) as typeof config;
  } catch {
    return { clusters: [], users: [] };
  }
  const file = (value: unknown) => (typeof value === "string" ? value : "");
  return {
    clusters: (config?.clusters ?? []).map(({ cluster }) => file(cluster?.["certificate-authority"])),
    users: (config?.users ?? []).flatMap(({ user }) => [
      file(user?.["client-certificate"]),
      file(user?.["client-key"]),
    ]),
  };
}
