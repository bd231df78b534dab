import * as command from "@pulumi/command";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

/** What the test program makes; the stack file says. */
export interface ProgramSettings {
  /** Objects by resource name, made one after the other. */
  readonly objects: Readonly<Record<string, Record<string, unknown>>>;
  /** Text of the Command `work`; none without it. */
  readonly work?: string;
  readonly release?: { readonly chart: string; readonly values: Record<string, unknown> };
}

class Layer extends pulumi.ComponentResource {
  constructor(name: string, opts?: pulumi.ComponentResourceOptions) {
    super(`talos-mesh:${name}:Layer`, name, {}, opts);
  }
}

const config = new pulumi.Config();
const settings = config.requireObject<ProgramSettings>("settings");

const clusterLayer = new Layer("cluster");
const cluster = new command.local.Command(
  "cluster",
  { create: `cat "$FILE"`, delete: "echo gone >> deleted", environment: { FILE: config.require("kubeconfigFile") } },
  { parent: clusterLayer, additionalSecretOutputs: ["stdout", "stderr"] },
);
const provider = new kubernetes.Provider("provider", { kubeconfig: cluster.stdout }, { parent: clusterLayer });
const layer = new Layer("apps", { dependsOn: clusterLayer });
const inCluster = { parent: layer, provider, deletedWith: cluster };

if (settings.work !== undefined) {
  const secret = pulumi.secret("correct-horse");
  new command.local.Command(
    "work",
    { create: settings.work, environment: { PASSWORD: secret }, stdin: "from stdin\n" },
    { parent: layer },
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
  const { chart, values } = settings.release;
  new kubernetes.helm.v3.Release(
    "release",
    { name: "demo", namespace: "default", chart, values, atomic: true, timeout: 60 },
    { ...inCluster, dependsOn: last },
  );
}

export const greeting = "hello";
export const kubeconfig = cluster.stdout;
