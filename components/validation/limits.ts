import type { z } from "zod";
import { settingOf } from "../../policies/api-objects";
import { policyObjects } from "../../policies/compile";
import type { Model } from "../model/model";
import { schemaValues } from "../settings/schema-walk";
import { settingsSchema } from "../settings/schema";
import { requestRefusal, resources } from "../settings/quantities";
import { formatPath, type Problem, problemsOf } from "../shared/problem";
import { runChecks } from "../shared/unknown";
import type { Check } from "./check";
import { isBuiltIn, objectProblems } from "./objects";

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
    if (isBuiltIn(object)) continue;
    for (const { path, message } of objectProblems(
      object as Parameters<typeof objectProblems>[0],
      [],
      policies.gatewayApi,
    )) {
      const field = formatPath(["", ...path]).replace(/^[^.]*\./, "");
      yield {
        path: settingOf(object),
        message: `becomes ${object.kind} ${object.metadata.name}, which the API server refuses: ${field}: ${message}`,
      };
    }
  }
}
