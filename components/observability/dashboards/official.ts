import { compareMinor, minorOf } from "../../settings/versions";

/**
 * Istio's own dashboards, of the very release that runs: a revision on grafana.com says nothing of the mesh's version.
 * Source: istio/istio, manifests/addons/dashboards at the tag of the release.
 *
 * @returns the chart's form: name: where the pod that starts downloads it from
 */
export function officialDashboards(meshVersion: string): Readonly<Record<string, { readonly url: string }>> {
  const minor = minorOf(meshVersion);
  const generated = (file: string, since: string) => `${file}${compareMinor(minor, since) < 0 ? "" : ".gen"}.json`;
  const files: Record<string, string> = {
    mesh: generated("istio-mesh-dashboard", "1.24"),
    service: "istio-service-dashboard.json",
    workload: "istio-workload-dashboard.json",
    performance: "istio-performance-dashboard.json",
    "control-plane": generated("pilot-dashboard", "1.23"),
    extension: "istio-extension-dashboard.json",
    ...(compareMinor(minor, "1.23") >= 0 && { ztunnel: "ztunnel-dashboard.gen.json" }),
  };
  const folder = `https://raw.githubusercontent.com/istio/istio/${meshVersion}/manifests/addons/dashboards`;
  return Object.fromEntries(Object.entries(files).map(([name, file]) => [name, { url: `${folder}/${file}` }]));
}
