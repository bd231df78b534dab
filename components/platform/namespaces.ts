import { injectionLabels } from "../model/control-planes";
import { dataPlaneOf } from "../model/data-planes";
import type { Settings } from "../settings/schema";
import type { BookinfoSettings } from "../settings/sections/apps";
import type { MeshSettings } from "../settings/sections/mesh";
import { hasAddons } from "../settings/sections/observability";
import { rootNamespace } from "../shared/istio";

/** A namespace with what the cluster and the mesh read off its labels. */
export interface NamespaceSpec {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

type Slice = Pick<Settings, "mesh" | "gateways" | "observability" | "bookinfo">;

/**
 * Every namespace of the environment, each once, in the order of their names.
 *
 * Pod Security: Talos enforces `baseline` where a namespace says nothing. istio-cni's pods mount folders of the node
 * and need `privileged`; everything else stays at `baseline`, which sidecars satisfy because istio-cni, and not an
 * init container with NET_ADMIN, redirects their traffic.
 */
export function namespaces({ mesh, gateways, observability, bookinfo }: Slice): readonly NamespaceSpec[] {
  const specs = new Map<string, NamespaceSpec>();
  const add = (name: string, labels: Readonly<Record<string, string>>) =>
    specs.set(name, { name, labels: { ...labels, ...specs.get(name)?.labels } });

  // First, as the only privileged one: a later use of a namespace adds labels and takes none of its rights away.
  add(rootNamespace, podSecurity("privileged"));
  for (const [name, gateway] of Object.entries(gateways)) {
    if (gateway) add(gateway.namespace ?? `istio-${name}`, podSecurity("baseline"));
  }
  // No proxies in there: what watches the mesh must not need it.
  if (hasAddons(observability)) add(observability.namespace, podSecurity("baseline"));
  if (bookinfo) {
    add(bookinfo.namespace, {
      ...podSecurity("baseline"),
      ...dataPlaneLabels(mesh, bookinfo),
    });
  }
  return [...specs.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What puts the pods of a namespace into the mesh. */
function dataPlaneLabels(mesh: MeshSettings, { namespace, injection }: BookinfoSettings): Record<string, string> {
  switch (dataPlaneOf(mesh, namespace)) {
    case "ambient":
      return { "istio.io/dataplane-mode": "ambient" };
    case "sidecar":
      return injection === "namespace" ? { ...injectionLabels(mesh, namespace).namespace } : {};
    case "none":
      return {};
  }
}

function podSecurity(level: "privileged" | "baseline"): Record<string, string> {
  return {
    "pod-security.kubernetes.io/enforce": level,
    "pod-security.kubernetes.io/audit": level,
    "pod-security.kubernetes.io/warn": level,
  };
}
