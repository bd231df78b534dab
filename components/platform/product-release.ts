import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { Cluster } from "../cluster/cluster";
import { addonSource } from "../observability/addons/registry";
import type { Settings } from "../settings/schema";
import type { ChartSource } from "../shared/chart-source";
import { helmRelease } from "../shared/helm-release";
import type { ApplyObject } from "../shared/kubernetes/object";
import { Layer, type LayerOptions } from "../shared/layer";
import { lifecycleCommand } from "../shared/lifecycle-command";
import { own } from "../shared/own";
import { type AcceptanceRequest, contextVariable, requestVariable } from "./acceptance/request";
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
  readonly cluster: Pick<Cluster, "kubeconfig" | "kubeContext">;
}

/** The release of a product of the platform, and the objects of its own kinds. */
export class ProductRelease extends Layer {
  constructor(
    name: string,
    { product, given: settings }: { readonly product: Product; readonly given: unknown },
    args: ProductReleaseArgs,
    opts?: LayerOptions,
  ) {
    super(`talos-mesh:platform:${product.component}`, name, opts);
    const { stack, source } = args;
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
    createObjects(name, { secrets: product.secrets?.(settings) ?? [], objects }, args, this.child, release);
    this.registerOutputs();
  }
}

/** Cilium as the load balancer: a part of the cluster, so that only objects of its own kinds are created. */
export class CiliumLoadBalancer extends Layer {
  constructor(
    name: string,
    given: CiliumLoadBalancerSettings,
    args: Omit<ProductReleaseArgs, "source">,
    opts?: LayerOptions,
  ) {
    super("talos-mesh:platform:CiliumLoadBalancer", name, opts);
    const objects = ciliumLoadBalancerObjects(given, args.stack);
    createObjects(name, { secrets: ciliumPeerSecrets(given), objects }, args, this.child);
    this.registerOutputs();
  }
}

/** Secrets, then the objects one after another, when the API server accepts them. */
function createObjects(
  name: string,
  { secrets, objects }: { readonly secrets: readonly ProductSecret[]; readonly objects: readonly ApplyObject[] },
  { secrets: texts, cluster }: Pick<ProductReleaseArgs, "secrets" | "cluster">,
  child: pulumi.CustomResourceOptions,
  ...after: readonly pulumi.Resource[]
): void {
  const created = secrets.map(({ type, entries, ...metadata }) => {
    const values = Object.entries(entries).map(([key, entry]) => [key, own(texts, entry) ?? ""]);
    const stringData = Object.fromEntries(values) as Readonly<Record<string, pulumi.Output<string>>>;
    return new kubernetes.core.v1.Secret(`${name}-${metadata.name}`, { metadata, type, stringData }, child);
  });
  let before: readonly pulumi.Resource[] = [...after, ...created];
  if (objects.length > 0) {
    before = [accepted(`${name}-accepted`, objects, cluster, { ...child, dependsOn: [...before] })];
  }
  for (const object of objects) {
    const resource = `${name}-${object.kind.toLowerCase()}-${object.metadata.name}`;
    const options = { ...child, dependsOn: [...before] };
    before = [new kubernetes.apiextensions.CustomResource(resource, object, options)];
  }
}

/** Waits for the webhook that checks objects of a kind, and for the kind itself. */
function accepted(
  name: string,
  objects: readonly ApplyObject[],
  { kubeconfig, kubeContext }: ProductReleaseArgs["cluster"],
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  const request: AcceptanceRequest = { objects };
  return lifecycleCommand(
    name,
    {
      // `exec`, so that stopping the command stops the step.
      apply: "exec node components/platform/acceptance/run.cjs wait",
      environment: {
        [requestVariable]: JSON.stringify(request),
        ...(kubeContext !== undefined && { [contextVariable]: kubeContext }),
      },
      stdin: pulumi.secret(kubeconfig),
    },
    opts,
  );
}
