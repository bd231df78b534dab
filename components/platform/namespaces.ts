import type { ApplicationSettings } from "../apps/application";
import { type ApplicationName, configuredApplications } from "../apps/registry";
import { injectionLabels } from "../model/control-planes";
import { dataPlaneOf } from "../model/data-planes";
import { ownedLayers } from "../model/layers";
import { deployedGateways, gatewayNamespace } from "../model/gateways";
import type { Settings } from "../settings/schema";
import type { MeshSettings } from "../settings/sections/mesh";
import { hasAddons } from "../settings/sections/observability";
import { rootNamespace } from "../shared/istio";
import { installedProducts } from "./products/registry";

export interface NamespaceSpec {
  readonly name: string;
  /** Kubernetes creates it, and lets no one delete it: it gets labels only, which are removed with the stack. */
  readonly isBuiltIn?: true;
  readonly labels: Readonly<Record<string, string>>;
}

const builtInNamespace = "default";

/** As the manifests of local-path-provisioner have it. */
const localPathNamespace = "local-path-storage";

type Slice = Pick<
  Settings,
  "cluster" | "layers" | "mesh" | "gateways" | "observability" | "platform" | ApplicationName
>;

/**
 * Every namespace of the stack, each once, in the order of their names.
 *
 * Pod Security: Talos enforces `baseline` in a namespace without such labels. istio-cni's pods mount folders of the node
 * and need `privileged`, as products of the platform may. All other namespaces have `baseline`, which sidecars satisfy because istio-cni redirects their
 * traffic, and not an init container with NET_ADMIN. In `default`, where pods of others may run, Pod Security is left alone.
 */
export function namespaces({
  cluster,
  layers,
  mesh,
  gateways,
  observability,
  platform,
  ...sections
}: Slice): readonly NamespaceSpec[] {
  const specs = new Map<string, NamespaceSpec>();
  const add = (name: string, labels: Readonly<Record<string, string>>) => {
    const all = { ...labels, ...specs.get(name)?.labels };
    specs.set(name, { name, labels: all, ...(name === builtInNamespace && { isBuiltIn: true }) });
  };

  // Privileged ones first: adding a namespace again keeps the labels that it has.
  if (ownedLayers({ cluster, layers }).has("mesh")) add(rootNamespace, podSecurity("privileged"));
  // Its helper pods mount folders of the node.
  if (platform.localPath) add(localPathNamespace, podSecurity("privileged"));
  for (const { product } of installedProducts({ mesh, platform })) {
    add(product.namespace, podSecurity(product.podSecurity));
  }
  for (const [name, gateway] of deployedGateways(gateways)) {
    add(gatewayNamespace(name, gateway), podSecurity("baseline"));
  }
  // Without a label for the data plane: addons must not depend on the mesh.
  if (hasAddons(observability)) add(observability.namespace, podSecurity("baseline"));
  for (const { settings } of configuredApplications(sections)) {
    const security = settings.namespace === builtInNamespace ? {} : podSecurity("baseline");
    add(settings.namespace, { ...security, ...dataPlaneLabels(mesh, settings) });
  }
  return [...specs.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function dataPlaneLabels(mesh: MeshSettings, { namespace, injection }: ApplicationSettings): Record<string, string> {
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
  return Object.fromEntries(["enforce", "audit", "warn"].map((mode) => [`pod-security.kubernetes.io/${mode}`, level]));
}
