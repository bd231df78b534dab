import { capabilities, type Capability } from "../../../policies/capabilities";
import type { PolicyModel } from "../../model/policies/policy-model";
import { expandPath } from "../../settings/schema-walk";
import type { Settings } from "../../settings/schema";
import { compareMinor } from "../../settings/versions";
import type { Problem } from "../../shared/problem";
import { runChecks } from "../../shared/unknown";
import type { Check } from "../check";
import { accessRuleProblems } from "./access-rules";
import { clientTlsProblems } from "./client-tls";
import { egressProblems } from "./egress";
import { externalServiceProblems } from "./external-services";
import { headlessProblems } from "./headless";
import { policyPortProblems } from "./ports";
import { proxyProblems } from "./proxies";
import { rateLimitProblems } from "./rate-limits";
import { externalRouteProblems, httpRouteProblems, sharedHostProblems } from "./http-route-limits";
import { targetProblems } from "./targets";
import { telemetryProblems } from "./telemetry";
import { tokenProblems } from "./tokens";
import { waypointSecurityProblems } from "./waypoint-security";
import { writtenObjectProblems } from "./written-objects";

export const policyChecks: readonly Check[] = [({ policies, settings }) => policyProblems(policies, settings)];

/** Policies that would not hold: by each other, by the data plane, or by the release of Istio. */
export function policyProblems(
  model: PolicyModel,
  settings: Pick<Settings, "traffic" | "security" | "telemetry"> & {
    readonly mesh: Pick<Settings["mesh"], "version"> & Partial<Pick<Settings["mesh"], "accessLog" | "sidecarScoping">>;
  },
): Iterable<Problem> {
  return runChecks(
    () => accessRuleProblems(model),
    () => externalServiceProblems(model),
    () => policyPortProblems(model),
    () => clientTlsProblems(model, settings.traffic),
    () => egressProblems(model, settings),
    () => targetProblems(model),
    () => tokenProblems(model),
    () => waypointSecurityProblems(model),
    () => httpRouteProblems(model),
    () => externalRouteProblems(model),
    () => rateLimitProblems(model),
    () => writtenObjectProblems(model),
    () => sharedHostProblems(model),
    () => telemetryProblems(model, settings.mesh),
    () => proxyProblems(model, settings.mesh),
    () => headlessProblems(model, settings.traffic),
    () => releaseProblems(settings),
  );
}

const ofService = "traffic.services.*.trafficPolicy.";

/** Those of a row. A field of a service's traffic policy is also one of services outside the mesh, subsets and ports. */
function settingPaths(setting: string): string[] {
  return setting.split(", ").flatMap((path) => {
    if (!path.startsWith(ofService)) return [path];
    const field = path.slice(ofService.length);
    return ["services", "externalServices"].flatMap((list) =>
      [`traffic.${list}.*.trafficPolicy`, `traffic.${list}.*.subsets.*.trafficPolicy`].flatMap((policy) => [
        `${policy}.${field}`,
        `${policy}.portLevelSettings.*.${field}`,
      ]),
    );
  });
}

/** Fields that the API of the mesh's release does not have: the API server would drop them. */
function* releaseProblems({
  traffic,
  security,
  telemetry,
  mesh,
}: Parameters<typeof policyProblems>[1]): Iterable<Problem> {
  const rows: readonly Capability[] = Object.values(capabilities);
  for (const { setting, since, value, title } of rows) {
    if (since === undefined || compareMinor(mesh.version, since) >= 0) continue;
    const given = settingPaths(setting).flatMap((one) => [...expandPath({ traffic, security, telemetry }, one)]);
    for (const [path, found] of given) {
      if (value !== undefined && found !== value) continue;
      const message = `${title}: needs Istio ${since} or newer, and mesh.version is ${mesh.version}; remove it, or upgrade`;
      yield { path, message };
    }
  }
}
