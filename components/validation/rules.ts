import type { Problem } from "../shared/problem";
import { policyRules } from "./policies";
import { appRules } from "./rules/apps";
import { benchmarkNamespaceRules } from "./rules/benchmark-namespaces";
import { benchmarkRules } from "./rules/benchmark";
import { certificateRules } from "./rules/certificates";
import { clusterRules } from "./rules/cluster";
import { dataPlaneRules } from "./rules/data-planes";
import { gatewayApiRules } from "./rules/gateway-api";
import { gatewayRules } from "./rules/gateways";
import { imageRules } from "./rules/images";
import { injectionRules } from "./rules/injection";
import { lifecycleRules } from "./rules/lifecycle";
import { meshRules } from "./rules/mesh";
import { meshValueRules } from "./rules/mesh-values";
import { objectRules } from "./rules/objects";
import { observabilityRules } from "./rules/observability";
import { platformRules } from "./rules/platform";
import type { Rule, RuleContext } from "./rules/rule";
import { scopingRules } from "./rules/scoping";
import { secretRules } from "./rules/secrets";
import { securityRules } from "./rules/security";
import { talosRules } from "./rules/talos";
import { trafficRules } from "./rules/traffic";
import { versionsFit } from "./rules/versions";
import type { Settings } from "../settings/schema";

/** What must hold between settings, each rule in the file of its concern. */
const rules: readonly Rule[] = [
  ...clusterRules,
  ...talosRules,
  ...versionsFit,
  ...platformRules,
  ...meshRules,
  ...meshValueRules,
  ...dataPlaneRules,
  ...lifecycleRules,
  ...imageRules,
  ...gatewayRules,
  ...gatewayApiRules,
  ...certificateRules,
  ...appRules,
  ...injectionRules,
  ...scopingRules,
  ...trafficRules,
  ...securityRules,
  ...policyRules,
  ...observabilityRules,
  ...benchmarkRules,
  ...benchmarkNamespaceRules,
  ...objectRules,
  ...secretRules,
];

/**
 * Problems of every rule whose sections are valid by themselves, so that a mistake in one section does not hide
 * those of the others.
 */
export function checkRules(valid: Partial<Settings>, context: RuleContext): Problem[] {
  return rules
    .filter((rule) => rule.needs.every((section) => Object.hasOwn(valid, section)))
    .flatMap((rule) => [...rule.check(valid as Settings, context)]);
}
