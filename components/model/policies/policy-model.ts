import type { ClusterTraits } from "../../cluster/kinds";
import type { SettingPath } from "../../shared/problem";
import type { Settings } from "../../settings/schema";
import type { AuthorizationRuleSettings, ExternalRuleSettings } from "../../settings/sections/access-rules";
import type { JwtSettings, SecuritySettings } from "../../settings/sections/security";
import type { TcpRuleSettings, TlsRuleSettings } from "../../settings/sections/connection-rule";
import type { HttpRuleSettings } from "../../settings/sections/http-rule";
import type { MeshSettings, PathNormalization } from "../../settings/sections/mesh";
import type { ProxyConfigSettings } from "../../settings/sections/proxies";
import type { RateLimitServiceSettings, RateLimitSettings } from "../../settings/sections/rate-limits";
import type { TelemetrySettings } from "../../settings/sections/telemetry";
import type { TrafficPolicySettings } from "../../settings/sections/traffic-policy";
import type { GatewayWorkload, VersionService, WaypointWorkload, Workload } from "../../shared/workload";
import type { DataPlane } from "../data-planes";
import type { SidecarScoping } from "../mesh-config";
import type { Caller, MeshWorkload, Names, PolicyTarget } from "../names";
import type { Egress } from "./egress";
import type { ExternalService } from "./external-services";
import type { KnownHosts } from "./known-hosts";
import { own } from "../../shared/own";

/** The policies of a stack with every name resolved: what the compilers, the checks and `explain` read. */
export interface PolicyModel {
  readonly names: Names;
  readonly services: readonly MeshService[];
  readonly externalServices: readonly ExternalService[];
  /** Version of the Gateway API's standard channel that the mesh's release of Istio reads. */
  readonly gatewayApi: string;
  readonly workloads: readonly MeshWorkload[];
  readonly gateways: readonly GatewayWorkload[];
  readonly waypoints: readonly WaypointWorkload[];
  readonly accessRules: readonly AccessRule[];
  readonly externalRules: readonly ExternalRule[];
  readonly tokenRules: readonly TokenRules[];
  readonly dryRun: boolean;
  /** Namespaces with workloads in which a request needs an allow rule. */
  readonly defaultDenyNamespaces: ReadonlySet<string>;
  /** Workloads that accept requests from their waypoint only, because the waypoint enforces their rules. */
  readonly waypointOnly: readonly WaypointOnly[];
  readonly mtls: MtlsMode;
  readonly mtlsExceptions: readonly MtlsException[];
  /** Every setting whose policy the proxies of a target enforce, whatever its kind. */
  readonly targeted: readonly {
    readonly path: SettingPath;
    readonly target: PolicyTarget;
    /** Whether waypoints read an object of a whole namespace or mesh. */
    readonly appliesToWaypoints?: boolean;
  }[];
  readonly telemetry: Telemetry;
  readonly rateLimits: readonly RateLimit[];
  readonly rateLimitService?: RateLimitServiceSettings;
  /** What sidecars do with a request to a host that they do not know; ztunnel passes every one on. */
  readonly outboundTrafficPolicy: MeshSettings["outboundTrafficPolicy"];
  /** What the cluster's CNI does with a NetworkPolicy. */
  readonly networkPolicies: ClusterTraits["networkPolicies"];
  /** Without it, policies do not restrict egress. */
  readonly egress?: Egress;
  /** First part of every SPIFFE identity of the mesh. */
  readonly trustDomain: string;
  readonly accessLog: boolean;
  /** Whether proxies log the requests of verification. */
  readonly probeLog: boolean;
  /** How proxies read and forward paths. */
  readonly pathNormalization: PathNormalization;
  /** Data planes in which hosts outside the mesh have addresses of their own. */
  readonly addressAllocation: readonly DataPlane[];
  /** What sidecars know besides the services that their workloads may call. @default the whole mesh */
  readonly sidecarScoping?: SidecarScoping;
  /** What sidecars were configured by, in a mesh from which a policy was removed by hand. @default this model */
  readonly scopedBy?: PolicyModel;
  /** What sidecars know by hand. */
  readonly knownHosts: readonly KnownHosts[];
  readonly proxyConfigs: readonly ProxyConfig[];
  readonly objects: NonNullable<Settings["objects"]>;
}

export type WaypointOnly = MeshWorkload & { readonly waypoint: WaypointWorkload };

export interface Subset {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The Service of this version, such as `reviews-v1`; an HTTPRoute routes to Services, not to subsets. */
  readonly service?: VersionService;
  readonly trafficPolicy?: TrafficPolicySettings;
}

export interface Exposure {
  readonly path: SettingPath;
  readonly gateway: GatewayWorkload;
  /** Host names that clients use, sorted. */
  readonly hosts: readonly string[];
  /** The port of the service to which the gateway sends requests; validation makes sure that there is one. */
  readonly port?: number;
  /** In order; a request that none of them matches gets 404. */
  readonly rules: readonly HttpRuleSettings[];
  /** For its further ports. */
  readonly tcp: readonly TcpRuleSettings[];
  /** For connections that it does not decrypt, instead of `rules`. */
  readonly tls?: readonly TlsRuleSettings[];
}

/** A service that a route may lead to. */
export interface RouteTarget extends Omit<MeshWorkload, "serviceAccount" | "versions"> {
  /** Its DNS name, where it is outside the mesh. @default that of a Service of the cluster */
  readonly host?: string;
  readonly subsets: readonly Subset[];
}

/** Everything that the settings say about one Service, in however many entries. */
export interface MeshService extends RouteTarget {
  readonly paths: readonly SettingPath[];
  readonly trafficPolicy?: TrafficPolicySettings;
  /** Rules for clients in the mesh, and their path. */
  readonly meshRules: readonly HttpRuleSettings[];
  readonly meshPath: SettingPath;
  readonly meshTcp: readonly TcpRuleSettings[];
  readonly meshTls: readonly TlsRuleSettings[];
  /** The only port that they are for. @default every port that serves HTTP */
  readonly meshPort?: number;
  readonly exposures: readonly Exposure[];
}

/** What identifies a client; the positive ones are alternatives. */
type IdentityField = "from" | "fromNamespaces" | "principals";

/** Conditions that must all hold, besides those on the client's identity. */
export type AccessConditions = Omit<
  AuthorizationRuleSettings,
  "to" | "namespace" | "dryRun" | IdentityField | `not${Capitalize<IdentityField>}`
>;

/** An entry of the settings with the names in it resolved. */
export interface ResolvedEntry<Settings> {
  readonly path: SettingPath;
  readonly settings: Settings;
}

export interface AccessRule extends ResolvedEntry<AuthorizationRuleSettings> {
  readonly action: "ALLOW" | "DENY" | "AUDIT";
  readonly target: PolicyTarget;
  /** Of `from`; without identities, the rule is for every client, mTLS or not. */
  readonly callers?: readonly Caller[];
  readonly notCallers?: readonly Caller[];
}

export interface ExternalRule extends ResolvedEntry<ExternalRuleSettings> {
  readonly target: PolicyTarget;
}

/** The tokens that a target accepts, and the requests that need one. */
export interface TokenRules {
  readonly path: SettingPath;
  readonly target: PolicyTarget;
  readonly issuers: readonly ResolvedEntry<JwtSettings>[];
  /** Requests for `paths` (without it: all requests) must have a token of `anyOf`. Every requirement must be met. */
  readonly requirements: readonly (Pick<JwtSettings, "paths" | "notPaths"> & {
    readonly anyOf: readonly Pick<JwtSettings, "issuer" | "requireClaims">[];
  })[];
}

export interface MtlsException extends ResolvedEntry<SecuritySettings["peerAuthentication"][number]> {
  readonly target: PolicyTarget;
}

export type MtlsMode = NonNullable<MtlsException["settings"]["mode"]>;

export interface ProxyConfig extends ResolvedEntry<ProxyConfigSettings> {
  readonly target: PolicyTarget;
}

export interface RateLimit extends ResolvedEntry<RateLimitSettings> {
  readonly target: PolicyTarget;
}

/** What proxies record of requests. */
export interface Telemetry {
  readonly accessLogging: readonly TelemetryEntry<"accessLogging">[];
  readonly metrics: readonly TelemetryEntry<"metrics">[];
  readonly tracing: readonly TelemetryEntry<"tracing">[];
  /** Istio's own default for access logs. @default envoy */
  readonly defaultLogs?: readonly string[];
  /** What an addon sets for the whole mesh. */
  readonly addonTracing?: AddonTracing;
  readonly providers: readonly TelemetryProvider[];
}

export type TelemetryKind = "accessLogging" | "metrics" | "tracing";

export interface TelemetryEntry<Kind extends TelemetryKind = TelemetryKind> extends ResolvedEntry<
  TelemetrySettings[Kind][number]
> {
  readonly target: PolicyTarget;
  /** Waypoints read a Telemetry of their namespace, or of the mesh, that selects nothing. */
  readonly appliesToWaypoints: true;
}

export interface AddonTracing {
  readonly addon: string;
  readonly provider: string;
  readonly sampling: number;
}

export interface TelemetryProvider {
  readonly name: string;
  readonly kinds: readonly TelemetryKind[];
}

/** A Service's DNS name, which resolves in every namespace. */
export function clusterHost({ name, namespace }: Pick<Workload, "name" | "namespace">): string {
  return `${name}.${namespace}.svc.cluster.local`;
}

/** Namespace and name of the Gateway that routes attach to. */
export function gatewayObject({ name, namespace, foreign }: GatewayWorkload): { namespace: string; name: string } {
  return { namespace, name: foreign?.gateway ?? name };
}

/** Whether a gateway is configured by Istio's API (Gateway, VirtualService), and not by Gateway API. */
export function isIstioGateway({ kind = "chart" }: GatewayWorkload): boolean {
  return kind === "chart";
}

/** The mTLS modes of a workload: its own exception, else that of its namespace, else the mesh's. */
export function mtlsModes(
  { mtls, mtlsExceptions }: Pick<PolicyModel, "mtls" | "mtlsExceptions">,
  { namespace, name, ports: [servicePort] }: MeshWorkload,
): {
  readonly atServicePort: MtlsMode;
  readonly at: (port: number | undefined) => MtlsMode;
  readonly all: readonly MtlsMode[];
} {
  const inNamespace = mtlsExceptions.filter(({ target }) => target.namespace === namespace);
  const ofNamespace = inNamespace.find(({ target: { kind } }) => kind === "namespace");
  const ofWorkload = inNamespace.find(({ target }) => target.kind === "workload" && target.name === name);
  const { mode = ofNamespace?.settings.mode ?? mtls, ports = {} } = ofWorkload?.settings ?? {};
  const at = (port: number | undefined) => own(ports, String(port)) ?? mode;
  return {
    atServicePort: at(servicePort?.port),
    at,
    all: [mode, ...Object.values(ports)],
  };
}

/** Whether clients in a namespace send their requests past waypoints: only ztunnel sends them through. */
export function bypassesWaypoints({ names }: Pick<PolicyModel, "names">, namespace: string): boolean {
  return names.workloadNames(namespace).length > 0 && names.dataPlane(namespace) !== "ambient";
}
