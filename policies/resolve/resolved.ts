import type { AuthorizationRuleSettings, SecuritySettings } from "../../components/settings/sections/security";
import type { HttpRuleSettings, TrafficServiceSettings } from "../../components/settings/sections/traffic";
import type { GatewayWorkload, Workload } from "../../components/shared/workload";
import type { PolicyModel } from "../model";

export type TrafficPolicy = NonNullable<TrafficServiceSettings["trafficPolicy"]>;

/** A version of a service: the pods that carry these labels. */
export interface Subset {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** What differs from the service's traffic policy. */
  readonly trafficPolicy?: TrafficPolicy;
}

/** A service as one gateway offers it to the outside. */
export interface Offer {
  readonly gateway: GatewayWorkload;
  /** Names clients use, sorted. */
  readonly hosts: readonly string[];
  /** In order; what none of them matches is answered with 404. */
  readonly rules: readonly HttpRuleSettings[];
}

/** All that the settings say about one Service, from however many entries. */
export interface MeshService {
  readonly name: string;
  readonly namespace: string;
  readonly port: number;
  /** In the user's order. */
  readonly subsets: readonly Subset[];
  readonly trafficPolicy?: TrafficPolicy;
  /** Rules for callers inside the mesh. */
  readonly meshRules: readonly HttpRuleSettings[];
  readonly offers: readonly Offer[];
}

/** Who asks: the identity a certificate proves. */
export type Caller = Pick<Workload, "namespace" | "serviceAccount">;

/** What a rule asks for beside who asks whom, without what `resolve` refuses. */
export type AccessConditions = Omit<
  AuthorizationRuleSettings,
  "to" | "namespace" | "from" | "fromNamespaces" | "claims"
>;

/** One authorization rule with its names looked up. */
export interface AccessRule {
  readonly action: "ALLOW" | "DENY";
  readonly target: Workload;
  /** Without it: anybody, also a caller without an identity. */
  readonly callers?: readonly Caller[];
  /** Further conditions, all of which must hold. */
  readonly conditions: AccessConditions;
}

/** A model in which every name has been looked up, so that compilers never meet one that is not there. */
export interface ResolvedModel extends Pick<PolicyModel, "mtls" | "trustDomain" | "rootNamespace" | "gateways"> {
  readonly services: readonly MeshService[];
  readonly accessRules: readonly AccessRule[];
  /** Namespaces in which nothing is allowed but what a rule allows. */
  readonly defaultDenyNamespaces: readonly string[];
  readonly mtlsExceptions: SecuritySettings["peerAuthentication"];
}

/** Name of a Service that resolves in every namespace. */
export function clusterHost(service: Pick<MeshService, "name" | "namespace">): string {
  return `${service.name}.${service.namespace}.svc.cluster.local`;
}
