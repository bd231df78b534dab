import type { z } from "zod";
import { policyObjects } from "../../policies/compile";
import type { Model } from "../model/model";
import type { PolicyModel } from "../model/policies/policy-model";
import { schemaValues } from "../settings/schema-walk";
import { settingsSchema } from "../settings/schema";
import { requestRefusal, resources } from "../settings/quantities";
import type { KubernetesObject } from "../shared/kubernetes/object";
import { formatPath, type Problem, problemsOf, type SettingPath } from "../shared/problem";
import { runChecks } from "../shared/unknown";
import type { Check } from "./check";
import { objectProblems } from "./objects";

/** Requests and limits, wherever the settings have them. */
export const resourceChecks: readonly Check[] = (["cpu", "memory"] as const).map(
  (resource): Check =>
    ({ settings }) =>
      runChecks(
        ...schemaValues(settingsSchema, resources, settings).map(
          ([path, value]) =>
            () =>
              problemsOf(requestRefusal(resource, value as z.output<typeof resources>), path),
        ),
      ),
);

/**
 * What the CRDs refuse of the objects that policies become: mostly limits of lists. It is the last check, for settings in
 * which no other finds a problem, as only those can be compiled.
 */
export function* limitProblems({ policies }: Pick<Model, "policies">): Iterable<Problem> {
  for (const object of policyObjects(policies)) {
    // Kinds of Kubernetes itself have no CRD here.
    if (object.kind === "NetworkPolicy") continue;
    for (const { path, message } of objectProblems(object as Parameters<typeof objectProblems>[0], [])) {
      const field = formatPath(["", ...path]).replace(/^[^.]*\./, "");
      yield {
        path: settingOf(policies, object),
        message: `becomes ${object.kind} ${object.metadata.name}, which the API server refuses: ${field}: ${message}`,
      };
    }
  }
}

/** The setting that an object is made of, as exactly as its name says. */
function settingOf(model: PolicyModel, { kind, metadata }: KubernetesObject): SettingPath {
  const [name, suffix] = metadata.name.split(".");
  const isOf = (one: { readonly name: string; readonly namespace: string }) =>
    one.name === name && one.namespace === metadata.namespace;
  switch (kind) {
    case "AuthorizationPolicy":
    case "RequestAuthentication":
    case "Telemetry": {
      const rules = suffix === "jwt" ? model.tokenRules : [...model.accessRules, ...model.externalRules];
      return rules.find(({ target }) => isOf(target))?.path ?? ["security"];
    }
    case "VirtualService":
    case "DestinationRule":
    case "HTTPRoute":
      return model.services.find(isOf)?.paths[0] ?? ["traffic"];
    case "PeerAuthentication":
      return ["security", "peerAuthentication"];
    case "Gateway":
      return ["gateways"];
    default:
      return ["security", "egress"];
  }
}
