import { dataPlaneOf, hasAmbient, hasSidecars, workloadNamespaces } from "../model/data-planes";
import { formatPath } from "../shared/problem";
import type { Settings } from "../settings/schema";
import { uncheckedValues } from "./values/chart-folder";
import { waypointLabels } from "./waypoints";

type Slice = Pick<Settings, "mesh" | "charts" | "bookinfo" | "applications" | "traffic">;

/** What a person must know of the mesh's values and data planes: what was not checked, and what holds only in part. */
export function meshNotes(settings: Slice, projectRoot: string): string[] {
  return [...unchecked(settings, projectRoot), ...outside(settings), ...mixed(settings), ...labelsOfOthers(settings)];
}

function unchecked(settings: Slice, projectRoot: string): string[] {
  const places = uncheckedValues(settings, projectRoot).map(formatPath);
  if (places.length === 0) return [];
  return [
    `Not checked: whether Istio's charts read every key of ${places.join(", ")}. They can be asked where charts.source is a folder with them.`,
  ];
}

/** STRICT is for the proxy of whoever is called to enforce. */
function outside({ mesh, bookinfo }: Slice): string[] {
  if (!bookinfo || mesh.mtls !== "STRICT") return [];
  const dataPlane = dataPlaneOf(mesh, bookinfo.namespace);
  if (dataPlane === "ambient" || (dataPlane === "sidecar" && bookinfo.injection !== "none")) return [];
  return [
    `mtls STRICT does not hold for the pods of namespace ${bookinfo.namespace}: they have no proxy, and take plain text from everybody.`,
  ];
}

/** What sidecars follow, and callers in ambient namespaces do not. */
function mixed(settings: Slice): string[] {
  const { mesh, traffic } = settings;
  if (!hasAmbient(mesh) || !hasSidecars(mesh)) return [];
  const ambient = workloadNamespaces(settings).filter((namespace) => dataPlaneOf(mesh, namespace) === "ambient");
  if (ambient.length === 0) return [];
  const where = `callers in the ambient ${ambient.length === 1 ? "namespace" : "namespaces"} ${ambient.join(", ")}`;
  return [
    ...(traffic.services.some(({ gateways, http }) => gateways.length === 0 && http.length > 0)
      ? [`Rules under talos-mesh:traffic hold for callers with sidecars and at gateways, not for ${where}.`]
      : []),
    ...(mesh.outboundTrafficPolicy === "REGISTRY_ONLY"
      ? [
          `outboundTrafficPolicy REGISTRY_ONLY holds for sidecars, not for ${where}: ztunnel lets them reach every host.`,
        ]
      : []),
  ];
}

/** Namespaces that this program does not make, and so does not label. */
function labelsOfOthers({ mesh, applications = [] }: Slice): string[] {
  return applications.flatMap(({ namespace, workloads }) => {
    if (dataPlaneOf(mesh, namespace) !== "ambient") return [];
    const services = workloads.flatMap(({ name }) => {
      const labels = Object.entries(waypointLabels(mesh, namespace, name)).map(([key, value]) => `${key}: "${value}"`);
      return labels.length > 0 ? [`its Service ${name} the labels ${labels.join(", ")}`] : [];
    });
    const needs = ['needs the label istio.io/dataplane-mode: "ambient"', ...services].join(", ");
    return [`Namespace ${namespace}, which others make, ${needs}.`];
  });
}
