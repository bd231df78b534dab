import { hasSidecars } from "./data-planes";
import { policyMeshConfig } from "./mesh-config";
import type { Settings } from "../settings/schema";

type Slice = Pick<Settings, "mesh" | "security" | "traffic"> & Partial<Pick<Settings, "observability">>;

/** What the proxies of a mesh with scoping know beside whom their workloads may ask. */
export interface SidecarScoping {
  /** Services that proxies themselves ask, such as collectors of traces, as hosts of a `Sidecar`. */
  readonly proxyServices: readonly string[];
}

/**
 * Whether proxies are told of those services only that their workload may ask, and what of else. It is on where the
 * rules say who may ask whom: everywhere, and in earnest.
 */
export function sidecarScoping({ mesh, security, traffic, observability }: Slice): SidecarScoping | undefined {
  const { authorization } = security;
  const known = authorization?.default === "deny" && !authorization.dryRun;
  if (!(mesh.sidecarScoping ?? known) || !hasSidecars(mesh)) return undefined;
  const { extensionProviders = [] } = policyMeshConfig({ traffic, security, observability });
  return { proxyServices: extensionProviders.flatMap((provider) => Object.values(provider).flatMap(serviceOf)) };
}

/** A provider's service is a full name, or a namespace and a full name. */
function serviceOf(provider: unknown): string[] {
  if (typeof provider !== "object" || provider === null || !("service" in provider)) return [];
  const { service } = provider;
  if (typeof service !== "string") return [];
  return [service.includes("/") ? service : `*/${service}`];
}
