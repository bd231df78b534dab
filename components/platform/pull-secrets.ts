import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { ImagesSettings } from "../settings/sections/images";
import { Layer, type LayerOptions } from "../shared/layer";

export interface PullSecretsArgs {
  readonly pullSecrets: ImagesSettings["pullSecrets"];
  /** Namespaces whose pods pull images, all of which are there. */
  readonly namespaces: readonly string[];
  /** Values of `talos-mesh:secrets`. */
  readonly secrets: Readonly<Record<string, pulumi.Output<string>>>;
}

/** What registries ask for: every pull secret in every namespace, because a pod can name those of its own only. */
export class PullSecrets extends Layer {
  constructor(name: string, args: PullSecretsArgs, opts?: LayerOptions) {
    super("talos-mesh:platform:PullSecrets", name, opts);
    for (const namespace of args.namespaces) {
      for (const { name: secret, dockerConfigJson } of args.pullSecrets) {
        const text = args.secrets[dockerConfigJson.secret] ?? "";
        new kubernetes.core.v1.Secret(
          // The slash keeps `a-b/c` and `a/b-c` apart.
          `${name}-${namespace}/${secret}`,
          {
            metadata: { name: secret, namespace },
            type: "kubernetes.io/dockerconfigjson",
            stringData: { ".dockerconfigjson": text },
          },
          this.child,
        );
      }
    }
    this.registerOutputs();
  }
}
