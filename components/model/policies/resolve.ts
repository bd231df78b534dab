import type { Settings } from "../../settings/schema";
import { knownFields, mapKnown, withField } from "../../shared/unknown";
import type { Names } from "../names";
import { sidecarScoping } from "../scoping";
import { PolicyNames } from "./names";
import type { PolicyModel } from "./policy-model";
import * as resolve from "./security";
import { meshServices } from "./services";

/** What policies come from. */
export interface PolicySources extends Pick<
  PolicyModel,
  "mtls" | "accessLog" | "trustDomain" | "sidecarScoping" | "objects"
> {
  readonly traffic: Settings["traffic"];
  readonly security: Settings["security"];
}

/** The policies of a stack. */
export function stackPolicies(settings: Settings, names: Names): PolicyModel {
  const sources = knownFields<PolicySources>({
    traffic: () => settings.traffic,
    security: () => settings.security,
    objects: () => settings.objects ?? [],
    mtls: () => settings.mesh.mtls,
    accessLog: () => settings.mesh.accessLog ?? settings.mesh.profile === "demo",
    trustDomain: () => settings.mesh.trustDomain,
    sidecarScoping: () => sidecarScoping(settings),
  });
  return policyModel(sources, names);
}

/** Resolves the names of policies once, for the compilers, the checks and `explain`. */
export function policyModel(sources: PolicySources, names: Names): PolicyModel {
  const policyNames = new PolicyNames(names);
  const security = () => sources.security;
  const workloads = mapKnown(names.objects.workloads, (workload) => policyNames.meshWorkload(workload));
  const model = knownFields<Omit<PolicyModel, "waypointOnly">>({
    names: () => names,
    workloads: () => workloads,
    gateways: () => names.objects.gateways,
    waypoints: () => names.objects.waypoints,
    services: () => meshServices(() => sources.traffic, policyNames),
    accessRules: () => resolve.accessRules(security, policyNames),
    externalRules: () => resolve.externalRules(security, policyNames),
    tokenRules: () => resolve.tokenRules(security, policyNames),
    dryRun: () => sources.security.authorization?.dryRun ?? false,
    defaultDenyNamespaces: () => resolve.defaultDenyNamespaces(security, { workloads }),
    mtls: () => sources.mtls,
    mtlsExceptions: () => resolve.mtlsExceptions(security, policyNames),
    egress: () => resolve.egress(security, policyNames),
    trustDomain: () => sources.trustDomain,
    accessLog: () => sources.accessLog,
    sidecarScoping: () => sources.sidecarScoping,
    objects: () => sources.objects,
  });
  return withField(model, "waypointOnly", () => resolve.waypointOnly(model));
}
