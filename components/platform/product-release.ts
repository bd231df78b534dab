import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { addonSource } from "../observability/addons/registry";
import type { Settings } from "../settings/schema";
import type { ChartSource } from "../shared/chart-source";
import { helmRelease } from "../shared/helm-release";
import { Layer, type LayerOptions } from "../shared/layer";
import { own } from "../shared/own";
import type { Product } from "./products/product";
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
    const given = (entry: string) => own(secrets, entry) ?? "";
    const created = (product.secrets?.(settings) ?? []).map(({ type, entries, ...metadata }) => {
      const stringData = Object.fromEntries(Object.entries(entries).map(([key, entry]) => [key, given(entry)]));
      return new kubernetes.core.v1.Secret(`${name}-${metadata.name}`, { metadata, type, stringData }, this.child);
    });
    let before: readonly pulumi.Resource[] = [release, ...created];
    for (const object of product.objects?.(settings, stack) ?? []) {
      const resource = `${name}-${object.kind.toLowerCase()}-${object.metadata.name}`;
      before = [new kubernetes.apiextensions.CustomResource(resource, object, this.after(...before))];
    }
    this.registerOutputs();
  }
}
