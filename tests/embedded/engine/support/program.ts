import * as command from "@pulumi/command";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

/** What the test program registers, from the stack file. */
export interface ProgramSettings {
  /** Objects by resource name, one after the other. */
  readonly objects: Readonly<Record<string, Record<string, unknown>>>;
  /** The script of the Command `work`; none without it. */
  readonly work?: string;
  readonly release?: {
    readonly namespace: string;
    readonly chart: string;
    readonly values: Record<string, unknown>;
    readonly description: string;
  };
}

class Layer extends pulumi.ComponentResource {
  constructor(name: string, opts?: pulumi.ComponentResourceOptions) {
    super(`talos-mesh:${name}:Layer`, name, {}, opts);
  }
}

const config = new pulumi.Config();
const settings = config.requireObject<ProgramSettings>("settings");

// As the embedded cluster's command: writes the kubeconfig next to the stack's other files, and prints it.
const clusterLayer = new Layer("cluster");
const cluster = new command.local.Command(
  "cluster",
  {
    create: `mkdir -p "$FOLDER" && cp "$FILE" "$FOLDER/kubeconfig" && cat "$FILE"`,
    environment: { FILE: config.require("kubeconfigFile"), FOLDER: `.talos-mesh/${pulumi.getStack()}` },
  },
  { parent: clusterLayer, additionalSecretOutputs: ["stdout", "stderr"] },
);
const provider = new kubernetes.Provider("provider", { kubeconfig: cluster.stdout }, { parent: clusterLayer });
const layer = new Layer("apps", { dependsOn: clusterLayer });
const inCluster = { parent: layer, provider, deletedWith: cluster };

if (settings.work !== undefined) {
  const secret = pulumi.secret("correct-horse");
  new command.local.Command(
    "work",
    {
      create: settings.work,
      delete: "echo gone >> deleted",
      environment: { PASSWORD: secret },
      stdin: "from stdin\n",
    },
    { parent: layer, dependsOn: provider },
  );
}

let last: pulumi.Resource | undefined;
for (const [name, object] of Object.entries(settings.objects)) {
  const { apiVersion, kind, ...rest } = object as { apiVersion: string; kind: string };
  last = new kubernetes.apiextensions.CustomResource(
    name,
    { apiVersion, kind, ...rest },
    { ...inCluster, dependsOn: last },
  );
}
if (settings.release !== undefined) {
  new kubernetes.helm.v3.Release(
    "release",
    { name: "demo", ...settings.release, atomic: true, timeout: 60 },
    { ...inCluster, dependsOn: last },
  );
}

export const greeting = "hello";
export const kubeconfig = cluster.stdout;
