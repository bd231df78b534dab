import { rootNamespace } from "../platform/namespaces";
import { hasAmbient } from "../settings/data-planes";
import type { GatewaysSettings } from "../settings/sections/gateways";
import { type ChartSource, helmRelease, type HelmValues } from "../shared/helm-release";
import { Layer, type LayerOptions } from "../shared/layer";
import { Gateways } from "./gateways";
import { baseValues } from "./values/base";
import { cniValues } from "./values/cni";
import type { MeshValuesInput } from "./values/input";
import { istiodValues } from "./values/istiod";
import { ztunnelValues } from "./values/ztunnel";
import { Waypoints } from "./waypoints";

export interface IstioArgs extends MeshValuesInput {
  readonly gateways: GatewaysSettings;
  /** Where the charts come from. */
  readonly source: ChartSource;
}

/**
 * Istio by its own charts: base (the CRDs), istiod, istio-cni, then the gateways, whose pods istiod's webhook completes
 * (`image: auto`), and where a namespace is ambient ztunnel and the waypoints. istio-cni comes after istiod because the
 * same order serves an upgrade: it may be one minor version behind istiod, never ahead, and so may ztunnel.
 */
export class Istio extends Layer {
  constructor(name: string, args: IstioArgs, opts?: LayerOptions) {
    super("talos-mesh:mesh:Istio", name, opts);
    const chart = (chart: string, values: HelmValues) => ({
      chart,
      values,
      namespace: rootNamespace,
      version: args.mesh.version,
      source: args.source,
    });

    const base = helmRelease(`${name}-base`, { ...chart("base", baseValues(args)), release: "istio-base" }, this.child);
    const istiod = helmRelease(`${name}-istiod`, chart("istiod", istiodValues(args)), this.after(base));
    const cni = helmRelease(
      `${name}-cni`,
      { ...chart("cni", cniValues(args)), release: "istio-cni" },
      this.after(istiod),
    );
    new Gateways(`${name}-gateway`, args, this.after(cni));
    if (hasAmbient(args.mesh)) {
      const ztunnel = helmRelease(`${name}-ztunnel`, chart("ztunnel", ztunnelValues(args)), this.after(cni));
      new Waypoints(`${name}-waypoint`, args, this.after(ztunnel));
    }

    this.registerOutputs();
  }
}
