import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../settings/schema";
import type { Cluster } from "../cluster/cluster";
import type { ClusterTraits } from "../cluster/kinds";
import { ambientProbes } from "../cluster/kinds/cilium";
import { hasAmbient } from "../model/data-planes";
import type { LayerName } from "../cluster/kinds/shared-cluster";
import type { ImagesSettings } from "../settings/sections/images";
import type { PlatformSettings } from "../settings/sections/platform";
import type { MeshSettings } from "../settings/sections/mesh";
import { gatewayApiVersion } from "../model/control-planes";
import type { ChartSource } from "../shared/chart-source";
import { helmRelease } from "../shared/helm-release";
import { Layer, type LayerOptions } from "../shared/layer";
import { rootNamespace } from "../shared/istio";
import type { NamespaceSpec } from "./namespaces";
import { CiliumLoadBalancer, ProductRelease } from "./product-release";
import { certManager } from "./products/cert-manager";
import { ciliumLoadBalancer } from "./products/cilium-load-balancer";
import { metallb } from "./products/metallb";
import { installedProducts } from "./products/registry";
import { addonNamespace, SystemAddon } from "./system-addons";
import { own } from "../shared/own";

export interface PlatformArgs {
  readonly settings: PlatformSettings;
  readonly mesh: MeshSettings;
  readonly namespaces: readonly NamespaceSpec[];
  /** Those of the stack: without `platform`, only what its own objects need is created. */
  readonly layers: ReadonlySet<LayerName>;
  readonly cni: ClusterTraits["cni"];
  readonly images: ImagesSettings;
  readonly secrets: Readonly<Record<string, pulumi.Output<string>>>;
  /** All of the settings, by which products of others are installed. */
  readonly stack: Settings;
  readonly source: ChartSource;
  readonly cluster: Pick<Cluster, "kubeconfig" | "kubeContext">;
}

export class Platform extends Layer {
  /** Namespaces, pull secrets and CRDs, which later layers need; none needs the addons of Kubernetes. */
  readonly foundations: readonly pulumi.Resource[];
  /** What provides volumes, where this program installs it. */
  readonly storage: readonly pulumi.Resource[] = [];
  /** What issues certificates, where this program installs it. */
  readonly issuers: readonly pulumi.Resource[];
  /** What gives Services of type LoadBalancer their addresses, where this program installs it, or sets it up. */
  readonly loadBalancers: readonly pulumi.Resource[];

  constructor(name: string, args: PlatformArgs, opts?: LayerOptions) {
    super("talos-mesh:platform:Platform", name, opts);
    const { metricsServer, kubeletServingCertApprover, gatewayApi, localPath } = args.layers.has("platform")
      ? args.settings
      : nothingInstalled;
    const namespaces = args.namespaces.map(({ isBuiltIn, ...metadata }) => {
      const { Namespace, NamespacePatch } = kubernetes.core.v1;
      return new (isBuiltIn ? NamespacePatch : Namespace)(`${name}-${metadata.name}`, { metadata }, this.child);
    });
    const crds = gatewayApi.install ? [new GatewayApi(`${name}-gateway-api`, args, this.after(...namespaces))] : [];

    const withPods = [
      ...args.namespaces.map((each) => each.name),
      ...(metricsServer || kubeletServingCertApprover ? [addonNamespace] : []),
    ];
    const pullSecrets =
      args.images.pullSecrets.length > 0
        ? [new PullSecrets(`${name}-pull-secret`, withPods, args, this.after(...namespaces))]
        : [];
    const probes =
      args.cni === "cilium" && args.layers.has("mesh") && hasAmbient(args.mesh)
        ? [new kubernetes.apiextensions.CustomResource(`${name}-ambient-probes`, { ...ambientProbes }, this.child)]
        : [];
    this.foundations = [...namespaces, ...crds, ...pullSecrets, ...probes];
    const certificates = kubeletServingCertApprover
      ? [new SystemAddon("KubeletCertificates", `${name}-kubelet-certificates`, args, this.after(...pullSecrets))]
      : [];
    if (metricsServer) {
      new SystemAddon("MetricsServer", `${name}-metrics-server`, args, this.after(...pullSecrets, ...certificates));
    }
    if (localPath) {
      const values = { path: localPath.path, isDefault: String(localPath.defaultClass) };
      const after = this.after(...namespaces, ...pullSecrets);
      this.storage = [new SystemAddon("LocalPath", `${name}-local-path`, { ...args, values }, after)];
    }
    const products = (args.layers.has("platform") ? installedProducts(args.stack) : []).map((installed) => ({
      ...installed,
      release: new ProductRelease(
        `${name}-${installed.product.chart.name}`,
        installed,
        args,
        this.after(...namespaces, ...crds, ...pullSecrets),
      ),
    }));
    this.issuers = products.flatMap(({ product, release }) => (product === certManager ? [release] : []));
    const cilium = args.layers.has("platform") ? ciliumLoadBalancer(args.stack) : undefined;
    this.loadBalancers = [
      ...products.flatMap(({ product, release }) => (product === metallb ? [release] : [])),
      ...(cilium ? [new CiliumLoadBalancer(`${name}-cilium`, cilium, args, this.child)] : []),
    ];
    this.registerOutputs();
  }
}

const nothingInstalled: PlatformSettings = { gatewayApi: { install: false } };

/** This project's own charts: they need no network and no mirror. */
const ownCharts: ChartSource = { kind: "folder", path: "./components/platform/charts", standIn: false };

/**
 * The Gateway API's CRDs, standard channel, at the version that the mesh's Istio reads. istiod reads them when it starts, so they are
 * installed before it. They are one release and not one resource for each CRD: the engine compares every field of every
 * resource at each preview, and these six schemas took longer than all other resources together.
 */
class GatewayApi extends Layer {
  constructor(name: string, { mesh, layers }: Pick<PlatformArgs, "mesh" | "layers">, opts?: LayerOptions) {
    super("talos-mesh:platform:GatewayApi", name, opts);
    const version = gatewayApiVersion(mesh);
    // Istio's namespace belongs to the stack of the mesh.
    const namespace = layers.has("mesh") ? rootNamespace : addonNamespace;
    helmRelease(
      `${name}-crds`,
      { chart: "gateway-api", version, source: ownCharts, namespace, values: {} },
      this.child,
    );
    this.registerOutputs();
  }
}

/** Every pull secret in every namespace with pods: a pod can only name those of its own namespace. */
class PullSecrets extends Layer {
  constructor(
    name: string,
    namespaces: readonly string[],
    { images, secrets }: Pick<PlatformArgs, "images" | "secrets">,
    opts?: LayerOptions,
  ) {
    super("talos-mesh:platform:PullSecrets", name, opts);
    for (const namespace of namespaces) {
      for (const { name: secret, dockerConfigJson } of images.pullSecrets) {
        new kubernetes.core.v1.Secret(
          // The slash keeps `a-b/c` and `a/b-c` apart.
          `${name}-${namespace}/${secret}`,
          {
            metadata: { name: secret, namespace },
            type: "kubernetes.io/dockerconfigjson",
            stringData: { ".dockerconfigjson": own(secrets, dockerConfigJson.secret) ?? "" },
          },
          this.child,
        );
      }
    }
    this.registerOutputs();
  }
}
