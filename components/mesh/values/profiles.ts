import type { MeshSettings } from "../../settings/sections/mesh";
import type { HelmValues } from "../../shared/helm-release";

export type ProfileName = MeshSettings["profile"];

interface Profile {
  /** In the words of `npm run profile -- list`. */
  readonly summary: string;
  /** Name of the profile inside Istio's charts; without it, a chart's own values hold. */
  readonly inCharts?: string;
}

/**
 * Helm knows fewer profiles than istioctl: `default` is a chart's own values, and `minimal` is the same without
 * gateways, which are releases of their own here. What a profile sets stands inside the charts, a file each.
 * Source: istio/istio, manifests/helm-profiles.
 */
export const profiles: Readonly<Record<ProfileName, Profile>> = {
  default: { summary: "the charts' own values: for production" },
  demo: { summary: "access log, every request traced, small requests, one istiod: to try Istio", inCharts: "demo" },
  minimal: { summary: "as default; gateways are only those under talos-mesh:gateways" },
  ambient: { summary: "ztunnel and distroless images: for dataPlane ambient", inCharts: "ambient" },
  preview: { summary: "what is to become default, such as DNS capture by sidecars", inCharts: "preview" },
  stable: { summary: "refuses fields of Istio's API that are not yet stable", inCharts: "stable" },
};

/** What chooses a chart's values inside the chart: the same for all charts of a mesh. */
export function profileValues({ profile, compatibilityVersion, platform }: MeshSettings): HelmValues {
  const { inCharts } = profiles[profile];
  return {
    ...(inCharts !== undefined && { profile: inCharts }),
    ...(compatibilityVersion !== undefined && { compatibilityVersion }),
    ...(platform !== undefined && { platform }),
  };
}
