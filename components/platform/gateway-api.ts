import { versions } from "../settings/versions";
import { type ChartSource, helmRelease } from "../shared/helm-release";
import { Layer, type LayerOptions } from "../shared/layer";

/** Charts that come with the project: no network, and no mirror where there is none. */
const ownCharts: ChartSource = { kind: "folder", path: "./components/platform/charts", standIn: false };

export interface GatewayApiArgs {
  readonly namespace: string;
}

/**
 * The Gateway API's CRDs, standard channel, at the pinned version. Istio reads them when it starts: they go in before
 * istiod. One release and not one resource a CRD: the engine compares every field of every resource at each preview,
 * and these six schemas alone took it longer than everything else together.
 */
export class GatewayApi extends Layer {
  constructor(name: string, args: GatewayApiArgs, opts?: LayerOptions) {
    super("talos-mesh:platform:GatewayApi", name, opts);
    helmRelease(
      `${name}-crds`,
      {
        chart: "gateway-api",
        version: versions.gatewayApi,
        source: ownCharts,
        namespace: args.namespace,
        values: {},
      },
      this.child,
    );
    this.registerOutputs();
  }
}
