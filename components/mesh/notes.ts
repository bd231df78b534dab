import { type ApplicationName, configuredApplications } from "../apps/registry";
import { dataPlaneOf, hasAmbient, hasSidecars, workloadNamespaces } from "../model/data-planes";
import { formatPath } from "../shared/problem";
import type { Settings } from "../settings/schema";
import { uncheckedValues } from "./values/chart-folder";
import { waypointLabels } from "./waypoints";

type Slice = Pick<Settings, "mesh" | "charts" | "applications" | "traffic" | ApplicationName>;

/** Limits of the mesh that a user should know: values that were not checked, and settings with a partial effect. */
export function meshNotes(settings: Slice, projectRoot: string): string[] {
  const unchecked = uncheckedValues(settings, projectRoot).map(formatPath).join(", ");
  const notChecked = `Not checked: whether Istio's charts read every key of ${unchecked}. This is checked only where charts.source is a folder with the charts.`;
  return [
    ...(unchecked === "" ? [] : [notChecked]),
    ...withoutProxies(settings),
    ...bothDataPlanes(settings),
    ...labelsOfApplications(settings),
  ];
}

/** The proxy of the called workload enforces STRICT. */
function withoutProxies({ mesh, ...settings }: Slice): string[] {
  if (mesh.mtls !== "STRICT") return [];
  return configuredApplications(settings).flatMap(({ settings: { namespace, injection } }) => {
    const dataPlane = dataPlaneOf(mesh, namespace);
    if (dataPlane === "ambient" || (dataPlane === "sidecar" && injection !== "none")) return [];
    return [`mtls STRICT has no effect in namespace ${namespace}: its pods have no proxy, and accept plain text.`];
  });
}

/** Settings that sidecars enforce, and that do not apply to callers in ambient namespaces. */
function bothDataPlanes(settings: Slice): string[] {
  const { mesh, traffic } = settings;
  if (!hasAmbient(mesh) || !hasSidecars(mesh)) return [];
  const ambient = workloadNamespaces(settings).filter((namespace) => dataPlaneOf(mesh, namespace) === "ambient");
  if (ambient.length === 0) return [];
  const where = `callers in the ambient ${ambient.length === 1 ? "namespace" : "namespaces"} ${ambient.join(", ")}`;
  const notes: string[] = [];
  if (traffic.services.some(({ gateways, http }) => gateways.length === 0 && http.length > 0)) {
    notes.push(`Rules under talos-mesh:traffic apply to callers with sidecars and at gateways, not to ${where}.`);
  }
  if (mesh.outboundTrafficPolicy === "REGISTRY_ONLY") {
    const setting = "outboundTrafficPolicy REGISTRY_ONLY";
    notes.push(`${setting} applies to sidecars, not to ${where}: ztunnel lets them reach every host.`);
  }
  return notes;
}

/** Namespaces and Services that this program does not create, and so does not label. */
function labelsOfApplications({ mesh, applications = [], ...sections }: Slice): string[] {
  const labelled = new Set(configuredApplications(sections).map(({ settings }) => settings.namespace));
  return applications.flatMap(({ namespace, workloads }) => {
    if (dataPlaneOf(mesh, namespace) !== "ambient") return [];
    const services = workloads.flatMap(({ name }) => {
      const labels = Object.entries(waypointLabels(mesh, namespace, name)).map(([key, value]) => `${key}: "${value}"`);
      return labels.length > 0 ? [`its Service ${name} the labels ${labels.join(", ")}`] : [];
    });
    const ofNamespace = labelled.has(namespace) ? [] : ['the label istio.io/dataplane-mode: "ambient"'];
    if (ofNamespace.length + services.length === 0) return [];
    const needs = `needs ${[...ofNamespace, ...services].join(", ")}`;
    return [`Namespace ${namespace} of talos-mesh:applications ${needs}.`];
  });
}
