import { type ApplicationName, configuredApplications } from "../apps/registry";
import type { ScenarioName } from "../benchmark/metrics/record";
import type { Settings } from "../settings/schema";
import type { BenchmarkSettings } from "../settings/sections/benchmark";
import type { MeshSettings } from "../settings/sections/mesh";
import { isSystemNamespace } from "../shared/istio";
import { own } from "../shared/own";

/** How the traffic of a namespace is meshed: by a proxy in each pod, by its node's ztunnel, or not at all. */
export type DataPlane = "sidecar" | "ambient" | "none";

type Choice = Pick<MeshSettings, "dataPlane" | "namespaces">;

export function dataPlaneOf({ dataPlane, namespaces }: Choice, namespace: string): DataPlane {
  return isSystemNamespace(namespace) ? "none" : (own(namespaces, namespace)?.dataPlane ?? dataPlane);
}

/** Whether any namespace is ambient: one is enough for ztunnel and the ambient parts of istiod and istio-cni. */
export function hasAmbient(mesh: Choice): boolean {
  return hasDataPlane(mesh, "ambient");
}

/** Whether any namespace may have sidecars. Gateways are proxies of their own and do not count. */
export function hasSidecars(mesh: Choice): boolean {
  return hasDataPlane(mesh, "sidecar");
}

function hasDataPlane({ dataPlane, namespaces }: Choice, plane: DataPlane): boolean {
  return dataPlane === plane || Object.values(namespaces).some((namespace) => namespace.dataPlane === plane);
}

/** Namespaces with workloads of the mesh: those of deployed applications, and of `talos-mesh:applications`. */
export function workloadNamespaces({
  applications = [],
  ...sections
}: Pick<Settings, ApplicationName | "applications">): string[] {
  const deployed = configuredApplications(sections).map(({ settings }) => settings.namespace);
  return [...deployed, ...applications.map(({ namespace }) => namespace)];
}

export const ambientScenarios: readonly ScenarioName[] = ["ambient", "waypoint"];

/** How the names of the namespaces begin that a benchmark makes and removes. */
export const benchmarkNamespace = "bench-";

/** How the names of the namespaces begin that a verification makes and removes. */
export const verificationNamespace = "talos-mesh-verification";

/** What a benchmark measures: what its settings name, else `none` and every data plane that the mesh has. */
export function benchmarkScenarios(
  { scenarios }: Pick<BenchmarkSettings, "scenarios">,
  mesh: Choice,
): readonly ScenarioName[] {
  const planes = (["sidecar", "ambient"] as const).filter((plane) => hasDataPlane(mesh, plane));
  return scenarios ?? ["none", ...planes];
}
