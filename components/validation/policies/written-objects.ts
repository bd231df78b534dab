import type { MeshWorkload } from "../../model/names";
import type { PolicyModel } from "../../model/policies/policy-model";
import { asTree, treesIn } from "../../shared/merge";
import { type Problem, problemsOf, type Refusal, type SettingPath } from "../../shared/problem";
import { rootNamespace } from "../../shared/istio";
import { checkEach } from "../../shared/unknown";
import { own } from "../../shared/own";
import { problemsOfEach, proxyRemedy } from "../check";

type WrittenObject = PolicyModel["objects"][number];

/** Kinds that only Envoys read: with a selector sidecars and gateways, with targetRefs waypoints too. */
const readByEnvoy = ["EnvoyFilter", "WasmPlugin", "RequestAuthentication", "Telemetry", "Sidecar", "ProxyConfig"];

/**
 * Objects under `talos-mesh:objects` that no proxy of the workloads which they select would read.
 * Source: istio/istio, pilot/pkg/model/policyattachment.go.
 */
export function writtenObjectProblems(model: PolicyModel): Iterable<Problem> {
  return checkEach(model.objects, ["objects"], function* (object, path) {
    const { spec, metadata } = object;
    const { selector, targetRefs } = asTree(spec);
    // In the root namespace, it is for the whole mesh.
    const inNamespace = model.names.workloads.filter(
      ({ namespace }) => namespace === metadata.namespace && namespace !== rootNamespace,
    );
    const at = [...path, "spec", "targetRefs"];
    if (selector !== undefined && targetRefs !== undefined) {
      yield { path: at, message: "found with selector; Istio takes one of the two" };
    } else {
      const found = targetRefs
        ? [...problemsOfEach(treesIn(targetRefs), at, (ref) => service(ref, inNamespace))]
        : [...selected(object, path, inNamespace, model)];
      yield* found;
      // It says more than a message about the namespace would.
      if (found.length > 0) return;
    }
    yield* problemsOf(unreadInNamespace(object, model), path);
  });
}

/** Kinds of which some proxy has to read each. */
const enforced = [
  "AuthorizationPolicy",
  "EnvoyFilter",
  "PeerAuthentication",
  "RequestAuthentication",
  "Sidecar",
  "Telemetry",
  "WasmPlugin",
];

function unreadInNamespace(
  { kind, metadata: { namespace = "" } }: WrittenObject,
  { names, gateways }: PolicyModel,
): Refusal {
  if (!enforced.includes(kind) || names.workloadNames(namespace).length === 0) return undefined;
  if (namespace === rootNamespace) return undefined;
  if (gateways.some((gateway) => gateway.namespace === namespace)) return undefined;
  const dataPlane = names.dataPlane(namespace);
  const reason =
    dataPlane === "none"
      ? "no proxy meshes the pods of this namespace (data plane none)"
      : dataPlane === "ambient" && (kind === "Sidecar" || kind === "EnvoyFilter")
        ? `ztunnel and waypoints read no ${kind}`
        : undefined;
  return (
    reason !== undefined && {
      metadata: {
        namespace: `found ${namespace}, where ${reason}, so that nothing enforces it; ${proxyRemedy(namespace)}`,
      },
    }
  );
}

/** Only waypoints read what targets a Service. */
function service({ kind, name }: Readonly<Record<string, unknown>>, workloads: readonly MeshWorkload[]): Refusal {
  const workload = workloads.find((one) => one.name === name);
  if (kind !== "Service" || !workload || workload.waypoint) return undefined;
  const remedy =
    workload.dataPlane === "ambient"
      ? `add { namespace: ${workload.namespace} } to talos-mesh:mesh.waypoints`
      : "use a selector instead";
  return { name: `found ${workload.name}, a Service without a waypoint, which alone would read this; ${remedy}` };
}

function* selected(
  { kind, spec }: WrittenObject,
  path: SettingPath,
  inNamespace: readonly MeshWorkload[],
  { gateways }: PolicyModel,
): Iterable<Problem> {
  const { action, selector, workloadSelector } = asTree(spec);
  const isRead = kind === "AuthorizationPolicy" && action !== "CUSTOM" && action !== "AUDIT";
  if (isRead || !(readByEnvoy.includes(kind) || kind === "AuthorizationPolicy")) return;
  const [field, key] = workloadSelector === undefined ? ["selector", "matchLabels"] : ["workloadSelector", "labels"];
  const labels = own(asTree(workloadSelector ?? selector), key);
  // A gateway of the namespace may be what it is for; and waypoints read a Telemetry of their namespace.
  const forAll = labels === undefined;
  if (forAll && (kind === "Telemetry" || gateways.some(({ namespace }) => namespace === inNamespace[0]?.namespace)))
    return;
  const workloads = forAll ? inNamespace : inNamespace.filter((workload) => selectsPods(asTree(labels), workload));
  const [first] = workloads;
  if (!first || workloads.some(({ dataPlane }) => dataPlane === "sidecar")) return;
  const at = forAll ? [...path, "spec"] : [...path, "spec", field ?? ""];
  yield { path: at, message: unread(kind, first) };
}

function unread(kind: string, { name, namespace, dataPlane, waypoint }: MeshWorkload): string {
  if (dataPlane === "none") {
    return `selects ${name}, whose pods have no proxy that would read this; ${proxyRemedy(namespace)}`;
  }
  const found = `selects the ambient workload ${name}: ztunnel does not read a ${kind}, and a waypoint none with a selector`;
  if (["EnvoyFilter", "Sidecar", "ProxyConfig"].includes(kind)) {
    return `${found}; set dataPlane: sidecar for namespace ${namespace}, or remove it`;
  }
  const remedy = waypoint ? "" : `add { namespace: ${namespace} } to talos-mesh:mesh.waypoints and `;
  return `${found}; ${remedy}use targetRefs: [{ group: "", kind: Service, name: ${name} }]`;
}

/** The selector may have labels of pods that the settings do not know, such as a version. */
export function selectsPods(labels: Readonly<Record<string, unknown>>, workload: MeshWorkload): boolean {
  const known = Object.entries(workload.labels).filter(([key]) => Object.hasOwn(labels, key));
  return known.length > 0 && known.every(([key, value]) => own(labels, key) === value);
}
