import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { ImagesSettings } from "../settings/sections/images";
import type { PlatformSettings } from "../settings/sections/platform";
import { Layer, type LayerOptions } from "../shared/layer";
import { rootNamespace } from "../shared/istio";
import { GatewayApi } from "./gateway-api";
import { KubeletCertificates } from "./kubelet-certificates";
import { MetricsServer } from "./metrics-server";
import type { NamespaceSpec } from "./namespaces";
import { PullSecrets } from "./pull-secrets";
import { addonNamespace } from "./system-addon";

export interface PlatformArgs {
  readonly settings: PlatformSettings;
  /** Every namespace of the environment, each once. */
  readonly namespaces: readonly NamespaceSpec[];
  readonly images: ImagesSettings;
  /** Values of `talos-mesh:secrets`. */
  readonly secrets: Readonly<Record<string, pulumi.Output<string>>>;
}

/** What the mesh and the applications expect a cluster to have. */
export class Platform extends Layer {
  constructor(name: string, args: PlatformArgs, opts?: LayerOptions) {
    super("talos-mesh:platform:Platform", name, opts);
    const made = args.namespaces.map(
      (namespace) =>
        new kubernetes.core.v1.Namespace(
          `${name}-${namespace.name}`,
          { metadata: { name: namespace.name, labels: namespace.labels } },
          this.child,
        ),
    );
    if (args.settings.gatewayApi.install) {
      new GatewayApi(`${name}-gateway-api`, { namespace: rootNamespace }, this.after(...made));
    }
    const { metricsServer, kubeletServingCertApprover } = args.settings;
    const { pullSecrets } = args.images;
    const addons = metricsServer || kubeletServingCertApprover ? [addonNamespace] : [];
    const everywhere = [...args.namespaces.map((each) => each.name), ...addons];
    const pulls =
      pullSecrets.length > 0
        ? [
            new PullSecrets(
              `${name}-pull-secret`,
              { pullSecrets, namespaces: everywhere, secrets: args.secrets },
              this.after(...made),
            ),
          ]
        : [];
    const certificates = kubeletServingCertApprover
      ? [new KubeletCertificates(`${name}-kubelet-certificates`, args, this.after(...pulls))]
      : [];
    if (metricsServer) {
      new MetricsServer(`${name}-metrics-server`, args, this.after(...pulls, ...certificates));
    }
    this.registerOutputs();
  }
}
