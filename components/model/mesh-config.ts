import { extensionProviders } from "../observability/addons/registry";
import type { Settings } from "../settings/schema";
import type { SecuritySettings } from "../settings/sections/security";
import type { MeshSettings } from "../settings/sections/mesh";
import { compareMinor, istioSince } from "../settings/versions";
import { sharedVersions } from "./control-planes";
import { type DataPlane, hasSidecars } from "./data-planes";
import { pathNormalization } from "./path-normalization";

export const auditProvider = "talos-mesh-audit";

/** The access log of requests with this header, by which verification sees what proxies did with its own. */
export const probeProvider = "talos-mesh-probes";
export const probeHeader = "x-talos-mesh-probe";

/**
 * Of each line, as JSON. Envoy refuses a listener with an operator that it does not know, so these are all older than the
 * oldest release of Istio that is supported.
 *
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
 */
export const probeLabels = {
  probe: `%REQ(${probeHeader.toUpperCase()})%`,
  start: "%START_TIME(%s.%3f)%",
  milliseconds: "%DURATION%",
  status: "%RESPONSE_CODE%",
  flags: "%RESPONSE_FLAGS%",
  details: "%RESPONSE_CODE_DETAILS%",
  termination: "%CONNECTION_TERMINATION_DETAILS%",
  transport_failure: "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
  method: "%REQ(:METHOD)%",
  path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
  authority: "%REQ(:AUTHORITY)%",
  route: "%ROUTE_NAME%",
  upstream_cluster: "%UPSTREAM_CLUSTER%",
  upstream_host: "%UPSTREAM_HOST%",
  attempts: "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
  // Who the client is, by its certificate; the connection to a waypoint comes out of a tunnel, whose end records it.
  client: "%DOWNSTREAM_PEER_URI_SAN%",
  client_at_waypoint: "%FILTER_STATE(io.istio.peer_principal:PLAIN)%",
  client_certificate_end: "%DOWNSTREAM_PEER_CERT_V_END(%s)%",
  // What the proxy itself proves to its client.
  server: "%DOWNSTREAM_LOCAL_URI_SAN%",
} as const;

/**
 * The mesh config of istiod (`meshConfig` in the values of the chart istiod) that policies and addons need: default
 * retries, the form of paths, external authorizers, the log of audit rules, and where telemetry goes.
 *
 * https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/
 */
export function policyMeshConfig(
  settings: Pick<
    Settings,
    "mesh" | "traffic" | "security" | "telemetry" | "observability" | "objects" | "verification"
  >,
) {
  const { traffic, security, observability, verification } = settings;
  const normalization = pathNormalization(settings);
  const providers: readonly object[] = [
    ...security.extensionProviders,
    ...auditProviders(security),
    ...(verification?.enabled ? [fileLog(probeProvider, probeLabels)] : []),
    ...addonProviders(observability),
    ...settings.telemetry.extensionProviders,
  ];
  return {
    ...(normalization !== "BASE" && { pathNormalization: { normalization } }),
    ...(traffic.defaultRetries && { defaultHttpRetryPolicy: traffic.defaultRetries }),
    ...(providers.length > 0 && { extensionProviders: providers }),
  };
}

function auditProviders({ authorization }: SecuritySettings): object[] {
  if (!authorization || authorization.audit.length === 0) return [];
  const labels = {
    audit: "true",
    start_time: "%START_TIME%",
    method: "%REQ(:METHOD)%",
    path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    authority: "%REQ(:AUTHORITY)%",
    response_code: "%RESPONSE_CODE%",
    peer: "%DOWNSTREAM_PEER_URI_SAN%",
    // The connection to a waypoint comes out of a tunnel and has no peer; the end of the tunnel records the client.
    peer_at_waypoint: "%FILTER_STATE(io.istio.peer_principal:PLAIN)%",
    source_address: "%DOWNSTREAM_REMOTE_ADDRESS%",
    request_id: "%REQ(X-REQUEST-ID)%",
  };
  return [fileLog(auditProvider, labels)];
}

function fileLog(name: string, labels: Readonly<Record<string, string>>): object {
  return { name, envoyFileAccessLog: { path: "/dev/stdout", logFormat: { labels } } };
}

/** Where proxies send telemetry to addons; a Telemetry object sets how much of it. */
function addonProviders(observability: Settings["observability"]): object[] {
  return extensionProviders(observability).map(({ name, protocol, service, port }) => ({
    name,
    [protocol]: { service, port },
  }));
}

/**
 * Data planes whose proxies answer DNS: a host without addresses then has one of its own, by which they tell TCP to it from
 * TCP to others. Source: istio/istio, pilot/pkg/networking/serviceentry/ip_autoallocation.go.
 */
export function addressAllocation(mesh: MeshSettings): readonly DataPlane[] {
  const { dnsCapture, profile, compatibilityVersion = mesh.version } = mesh;
  const versions = [sharedVersions(mesh).oldest, compatibilityVersion];
  if (versions.some((version) => compareMinor(version, istioSince.addressAllocation) < 0)) return [];
  const bySidecars = dnsCapture ?? profile === "preview";
  return [...(bySidecars ? (["sidecar"] as const) : []), ...(dnsCapture === false ? [] : (["ambient"] as const))];
}

/** What sidecars are configured with besides the services that their workloads may call. */
export interface SidecarScoping {
  /** Services that every proxy calls, such as trace collectors, as hosts of a `Sidecar`. */
  readonly proxyServices: readonly string[];
}

/**
 * Whether sidecars are configured only with the services that their workloads may call. By default they are under default
 * deny without dry run, unless `mesh.sidecars` lists them: then allow rules tell which services those are.
 */
export function sidecarScoping(
  settings: Pick<Settings, "mesh" | "traffic" | "security" | "telemetry" | "observability">,
): SidecarScoping | undefined {
  const { mesh, security } = settings;
  const { authorization } = security;
  const byDefault = authorization?.default === "deny" && !authorization.dryRun && !mesh.sidecars;
  if (!(mesh.sidecarScoping ?? byDefault) || !hasSidecars(mesh)) return undefined;
  return { proxyServices: proxyServices(settings) };
}

/** Services that every proxy calls, such as trace collectors, as hosts of a `Sidecar`. */
export function proxyServices({
  traffic,
  security,
  telemetry,
  observability,
}: Pick<Settings, "traffic" | "security" | "telemetry" | "observability">): string[] {
  const authorizers = security.extensionProviders.flatMap(
    ({ envoyExtAuthzGrpc, envoyExtAuthzHttp }) => envoyExtAuthzGrpc ?? envoyExtAuthzHttp ?? [],
  );
  const collectors = telemetry.extensionProviders.flatMap((provider) =>
    Object.values(provider).flatMap((one) =>
      typeof one === "object" && "service" in one ? [{ service: one.service }] : [],
    ),
  );
  const called = [
    ...authorizers,
    ...extensionProviders(observability),
    ...collectors,
    ...(traffic.rateLimitService ? [traffic.rateLimitService] : []),
  ].map(({ service }) => service);
  // A provider's service is a DNS name, or a namespace and a DNS name.
  return called.map((service) => (service.includes("/") ? service : `*/${service}`));
}
