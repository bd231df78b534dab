import * as kubernetes from "@pulumi/kubernetes";
import type { PlatformSettings } from "../settings/sections/platform";
import { Layer, type LayerOptions } from "../shared/layer";
import { GatewayApi } from "./gateway-api";
import { KubeletCertificates } from "./kubelet-certificates";
import { MetricsServer } from "./metrics-server";
import { type NamespaceSpec, rootNamespace } from "./namespaces";

export interface PlatformArgs {
  readonly settings: PlatformSettings;
  /** Every namespace of the environment, each once. */
  readonly namespaces: readonly NamespaceSpec[];
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
    const certificates = kubeletServingCertApprover
      ? [new KubeletCertificates(`${name}-kubelet-certificates`, this.child)]
      : [];
    if (metricsServer) new MetricsServer(`${name}-metrics-server`, this.after(...certificates));
    this.registerOutputs();
  }
}
