import type { Settings } from "../settings/schema";
import { hasSidecars } from "./data-planes";
import { policyMeshConfig } from "./mesh-config";

type Slice = Pick<Settings, "mesh" | "security" | "traffic"> & Partial<Pick<Settings, "observability">>;

/** What sidecars are configured with besides the services that their workloads may call. */
export interface SidecarScoping {
  /** Services that every proxy calls, such as trace collectors, as hosts of a `Sidecar`. */
  readonly proxyServices: readonly string[];
}

/**
 * Whether sidecars are configured only with the services that their workloads may call. By default they are under default
 * deny without dry run: then allow rules tell which services those are.
 */
export function sidecarScoping({ mesh, security, traffic, observability }: Slice): SidecarScoping | undefined {
  const { authorization } = security;
  const byDefault = authorization?.default === "deny" && !authorization.dryRun;
  if (!(mesh.sidecarScoping ?? byDefault) || !hasSidecars(mesh)) return undefined;
  const { extensionProviders = [] } = policyMeshConfig({ traffic, security, observability });
  return { proxyServices: extensionProviders.flatMap((provider) => Object.values(provider).flatMap(serviceOf)) };
}

/** A provider's service is a DNS name, or a namespace and a DNS name. */
function serviceOf(provider: unknown): string[] {
  if (typeof provider !== "object" || provider === null || !("service" in provider)) return [];
  const { service } = provider;
  if (typeof service !== "string") return [];
  return [service.includes("/") ? service : `*/${service}`];
}
