import type { DataPlane } from "../../components/model/data-planes";
import type {
  AuthorizationRuleSettings,
  EgressSettings,
  ExternalRuleSettings,
  JwtSettings,
  SecuritySettings,
} from "../../components/settings/sections/security";
import type { HttpRuleSettings, TrafficServiceSettings } from "../../components/settings/sections/traffic";
import type { TrafficPolicySettings } from "../../components/settings/sections/traffic-policy";
import type { GatewayWorkload, WaypointWorkload, Workload } from "../../components/shared/workload";
import type { PolicyModel } from "../model";

/** A version of a service: the pods that carry these labels. */
export interface Subset {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** What differs from the service's traffic policy. */
  readonly trafficPolicy?: TrafficPolicySettings;
}

/** A service as one gateway offers it to the outside. */
export interface Offer {
  /** Where it stands in the settings. */
  readonly path: string;
  readonly gateway: GatewayWorkload;
  /** Names clients use, sorted. */
  readonly hosts: readonly string[];
  /** In order; what none of them matches is answered with 404. */
  readonly rules: readonly HttpRuleSettings[];
  /** In place of rules: TLS that is passed on unopened. */
  readonly tls?: TrafficServiceSettings["tls"];
}

/** All that the settings say about one Service, from however many entries. */
export interface MeshService {
  readonly name: string;
  readonly namespace: string;
  readonly port: number;
  readonly dataPlane: DataPlane;
  /** The waypoint before it, where it is ambient and has one. */
  readonly waypoint?: WaypointWorkload;
  /** Whether there is a Service `<name>-<version>` for each version. */
  readonly versionServices: boolean;
  /** Where its entries stand in the settings. */
  readonly paths: readonly string[];
  /** In the user's order. */
  readonly subsets: readonly Subset[];
  readonly trafficPolicy?: TrafficPolicySettings;
  /** Rules for callers inside the mesh. */
  readonly meshRules: readonly HttpRuleSettings[];
  /** Where these rules stand. */
  readonly meshPath: string;
  readonly offers: readonly Offer[];
}

/** Who asks: the identity a certificate proves. */
export type Caller = Pick<Workload, "name" | "namespace" | "serviceAccount">;

/** What a rule asks for beside who asks whom. */
export type AccessConditions = Omit<AuthorizationRuleSettings, "to" | "namespace" | "from" | "fromNamespaces">;

/** The workload that policies protect, and what enforces them there. */
export interface Target extends Workload {
  readonly dataPlane: DataPlane;
  readonly waypoint?: WaypointWorkload;
}

/** One authorization rule with its names looked up. */
export interface AccessRule {
  /** Where it stands in the settings. */
  readonly path: string;
  readonly action: "ALLOW" | "DENY" | "AUDIT";
  readonly target: Target;
  /** With `namespaces`, any of both. Without either: anybody, also a caller without an identity. */
  readonly callers?: readonly Caller[];
  readonly namespaces?: readonly string[];
  /** Further conditions, all of which must hold. */
  readonly conditions: AccessConditions;
}

/** Requests that an external authorizer is asked about. */
export interface ExternalRule {
  readonly path: string;
  readonly target: Target;
  readonly provider: string;
  readonly conditions: Omit<ExternalRuleSettings, "to" | "namespace" | "provider">;
}

/** What a token must be: from whom, and with which claims. */
export type TokenDemand = Pick<JwtSettings, "issuer" | "requireClaims">;

/** Whose tokens a workload takes, and which requests need one. */
export interface TokenRules {
  readonly path: string;
  readonly target: Target;
  readonly issuers: readonly JwtSettings[];
  /** Each must be met by requests for its paths (all, without them), by any one of its demands. */
  readonly requirements: readonly { readonly paths?: readonly string[]; readonly anyOf: readonly TokenDemand[] }[];
}

export interface MtlsException {
  readonly path: string;
  readonly dataPlane: DataPlane;
  readonly settings: SecuritySettings["peerAuthentication"][number];
}

/** A way out of the mesh: which workload may reach which host outside. */
export interface EgressRule {
  readonly path: string;
  readonly workload: Target;
  /** What lets it out, and nobody else. */
  readonly mode: EgressMode;
  readonly settings: EgressSettings["allow"][number];
}

export type EgressMode = NonNullable<EgressSettings["mode"]>;

/** All ways out of the mesh; what is not among them is closed. */
export interface Egress {
  readonly rules: readonly EgressRule[];
  /** The gateway through which all of them lead, in mode egressGateway. */
  readonly gateway?: GatewayWorkload;
}

/** A model in which every name has been looked up, so that compilers never meet one that is not there. */
export interface ResolvedModel extends Pick<
  PolicyModel,
  "mtls" | "trustDomain" | "rootNamespace" | "gateways" | "waypoints" | "accessLog" | "dataPlanes" | "sidecarScoping"
> {
  readonly services: readonly MeshService[];
  readonly targets: readonly Target[];
  readonly accessRules: readonly AccessRule[];
  readonly externalRules: readonly ExternalRule[];
  readonly tokenRules: readonly TokenRules[];
  /** Allow and deny rules log what they would do, and do nothing. */
  readonly dryRun: boolean;
  /** Namespaces in which nothing is allowed but what a rule allows. */
  readonly defaultDenyNamespaces: readonly string[];
  readonly mtlsExceptions: readonly MtlsException[];
  /** Without it: what may leave the mesh is not for policies to say. */
  readonly egress?: Egress;
}

/** Name of a Service that resolves in every namespace. */
export function clusterHost(service: Pick<MeshService, "name" | "namespace">): string {
  return `${service.name}.${service.namespace}.svc.cluster.local`;
}
