import type { Settings } from "../settings/schema";

/** A namespace with what the cluster and the mesh read off its labels. */
export interface NamespaceSpec {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Istio's root namespace: the control plane, and policies of the whole mesh. */
export const rootNamespace = "istio-system";

type Slice = Pick<Settings, "gateways" | "bookinfo">;

/**
 * Every namespace of the environment, each once, in the order of their names.
 *
 * Pod Security: Talos enforces `baseline` where a namespace says nothing. istio-cni's pods mount folders of the node
 * and need `privileged`; everything else stays at `baseline`, which sidecars satisfy because istio-cni, and not an
 * init container with NET_ADMIN, redirects their traffic.
 */
export function namespaces({ gateways, bookinfo }: Slice): readonly NamespaceSpec[] {
  const specs = new Map<string, NamespaceSpec>();
  const add = (name: string, labels: Readonly<Record<string, string>>) =>
    specs.set(name, { name, labels: { ...labels, ...specs.get(name)?.labels } });

  // First, as the only privileged one: a later use of a namespace adds labels and takes none of its rights away.
  add(rootNamespace, podSecurity("privileged"));
  for (const [name, gateway] of Object.entries(gateways)) {
    if (gateway) add(gateway.namespace ?? `istio-${name}`, podSecurity("baseline"));
  }
  if (bookinfo) {
    add(bookinfo.namespace, {
      ...podSecurity("baseline"),
      ...(bookinfo.injection === "namespace" && { "istio-injection": "enabled" }),
    });
  }
  return [...specs.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function podSecurity(level: "privileged" | "baseline"): Record<string, string> {
  return {
    "pod-security.kubernetes.io/enforce": level,
    "pod-security.kubernetes.io/audit": level,
    "pod-security.kubernetes.io/warn": level,
  };
}
