import type { MeshSettings } from "../../settings/sections/mesh";
import type { HelmValues } from "../../shared/helm-release";

/**
 * Helm knows fewer profiles than istioctl: `default` is a chart's own values, and `minimal` is the same without
 * gateways, which are releases of their own here.
 * Source: istio/istio, manifests/helm-profiles.
 */
export function profileValues(mesh: MeshSettings): HelmValues {
  return mesh.profile === "default" || mesh.profile === "minimal" ? {} : { profile: mesh.profile };
}
