import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { addonSource } from "../observability/addons/registry";
import type { Settings } from "../settings/schema";
import type { ChartSource } from "../shared/chart-source";
import { helmRelease } from "../shared/helm-release";
import type { ApplyObject } from "../shared/kubernetes/object";
import { Layer, type LayerOptions } from "../shared/layer";
import { own } from "../shared/own";
import {
  type CiliumLoadBalancerSettings,
  ciliumLoadBalancerObjects,
  ciliumPeerSecrets,
} from "./products/cilium-load-balancer";
import type { Product, ProductSecret } from "./products/product";
import { productContext } from "./products/registry";

export interface ProductReleaseArgs {
  readonly stack: Settings;
  /** Where Istio's charts come from; `charts.addons` may name another location for those of others. */
  readonly source: ChartSource;
  readonly secrets: Readonly<Record<string, pulumi.Output<string>>>;
}

/** The release of a product of the platform, and the objects of its own kinds. */
export class ProductRelease extends Layer {
  constructor(
    name: string,
    { product, given: settings }: { readonly product: Product; readonly given: unknown },
    { stack, source, secrets }: ProductReleaseArgs,
    opts?: LayerOptions,
  ) {
    super(`talos-mesh:platform:${product.component}`, name, opts);
    const { chart, namespace } = product;
    const release = helmRelease(
      name,
      {
        chart: chart.name,
        version: chart.version,
        namespace,
        source: addonSource(stack.charts.addons, source, chart),
        values: product.values(settings, productContext(stack)),
      },
      this.child,
    );
    const objects = product.objects?.(settings, stack) ?? [];
    createObjects(name, { secrets: product.secrets?.(settings) ?? [], objects }, secrets, this.child, release);
    this.registerOutputs();
  }
}

/** Cilium as the load balancer: a part of the cluster, so that only objects of its own kinds are created. */
export class CiliumLoadBalancer extends Layer {
  constructor(
    name: string,
    given: CiliumLoadBalancerSettings,
    { stack, secrets }: Pick<ProductReleaseArgs, "stack" | "secrets">,
    opts?: LayerOptions,
  ) {
    super("talos-mesh:platform:CiliumLoadBalancer", name, opts);
    const objects = ciliumLoadBalancerObjects(given, stack);
    createObjects(name, { secrets: ciliumPeerSecrets(given), objects }, secrets, this.child);
    this.registerOutputs();
  }
}

/** Secrets, then the objects one after another. */
function createObjects(
  name: string,
  { secrets, objects }: { readonly secrets: readonly ProductSecret[]; readonly objects: readonly ApplyObject[] },
  texts: ProductReleaseArgs["secrets"],
  child: pulumi.CustomResourceOptions,
  ...after: readonly pulumi.Resource[]
): void {
  const created = secrets.map(({ type, entries, ...metadata }) => {
    const values = Object.entries(entries).map(([key, entry]) => [key, own(texts, entry) ?? ""]);
    const stringData = Object.fromEntries(values) as Readonly<Record<string, pulumi.Output<string>>>;
    return new kubernetes.core.v1.Secret(`${name}-${metadata.name}`, { metadata, type, stringData }, child);
  });
  let before: readonly pulumi.Resource[] = [...after, ...created];
  for (const object of objects) {
    const resource = `${name}-${object.kind.toLowerCase()}-${object.metadata.name}`;
    const options = { ...child, dependsOn: [...before] };
    before = [new kubernetes.apiextensions.CustomResource(resource, object, options)];
  }
}
