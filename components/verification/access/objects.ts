import { targetKey } from "../../model/names";
import { policyName, targetPolicyName } from "../../model/object-names";
import type { AccessRule, PolicyModel } from "../../model/policies/policy-model";
import { grouped } from "../../shared/grouped";
import type { SettingPath } from "../../shared/problem";
import { copyWithField } from "../../shared/unknown";

/** What the settings become that decides on access, and what they would say without it. */
export interface AccessObject {
  /** `AuthorizationPolicy shop/reviews.allow`, the first one where it is several that belong together. */
  readonly name: string;
  readonly names: readonly string[];
  /** As the name of a probe has it: `reviews`, `reviews deny`. */
  readonly title: string;
  readonly path: SettingPath;
  readonly action: "ALLOW" | "DENY" | "default";
  readonly namespace: string;
  readonly covers: (rule: AccessRule) => boolean;
  /** The model of the mesh from which it was removed. */
  readonly without: (model: PolicyModel) => PolicyModel;
}

/** Those that decide: no dry run, and no audit. */
export function accessObjects(model: PolicyModel): AccessObject[] {
  if (model.dryRun) return [];
  const deciding = model.accessRules.filter(({ action, settings }) => action !== "AUDIT" && settings.dryRun !== true);
  const ofRules = grouped(deciding, (rule) => `${targetKey(rule.target)} ${rule.action}`).map(
    ([first, rules]): AccessObject => {
      const { target, action, path } = first;
      const name = objectName(target.namespace, targetPolicyName(target, action.toLowerCase()));
      const members = new Set<AccessRule>(rules);
      return {
        name,
        names: [name],
        title: action === "DENY" ? `${targetTitle(first)} deny` : targetTitle(first),
        // The entry where there is only one.
        path: rules.length === 1 ? path : path.slice(0, -1),
        action: action === "DENY" ? "DENY" : "ALLOW",
        namespace: target.namespace,
        covers: (rule) => members.has(rule),
        without: (given) =>
          copyWithField(removed(given), "accessRules", () => given.accessRules.filter((rule) => !members.has(rule))),
      };
    },
  );
  return [...ofRules, ...[...model.defaultDenyNamespaces].map((namespace) => defaultOf(model, namespace))];
}

function defaultOf({ waypoints }: PolicyModel, namespace: string): AccessObject {
  const name = objectName(namespace, "allow-nothing");
  const atWaypoints = waypoints
    .filter((waypoint) => waypoint.namespace === namespace)
    .map((waypoint) => objectName(namespace, policyName(waypoint.name, "allow-nothing")));
  return {
    name,
    names: [name, ...atWaypoints],
    title: `namespace ${namespace} default`,
    path: ["security", "authorization", "default"],
    action: "default",
    namespace,
    covers: () => false,
    without: (given) =>
      copyWithField(
        removed(given),
        "defaultDenyNamespaces",
        () => new Set([...given.defaultDenyNamespaces].filter((one) => one !== namespace)),
      ),
  };
}

/** The mesh still has the Sidecars that follow from all rules. */
function removed(given: PolicyModel): PolicyModel {
  return copyWithField(given, "scopedBy", () => given.scopedBy ?? given);
}

function targetTitle({ target: { kind, namespace, name, title } }: AccessRule): string {
  if (kind === "workload") return `${namespace}/${name}`;
  return title;
}

function objectName(namespace: string, name: string): string {
  return `AuthorizationPolicy ${namespace}/${name}`;
}
