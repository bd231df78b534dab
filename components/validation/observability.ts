import type { Model } from "../model/model";
import { addonChecks, installedAddons, secretReferences } from "../observability/addons/registry";
import type { Problem } from "../shared/problem";
import { runChecks } from "../shared/unknown";
import { type Check, type CheckContext, refuse } from "./check";

/** Checks of `talos-mesh:observability`: those of the addons, and of what is no addon. */
export const observabilityChecks: readonly Check[] = [
  addons,
  addonSecrets,
  refuse("observability", ({ alerts, prometheus }) => alerts && !prometheus, {
    alerts: "Prometheus evaluates alerts; add observability.prometheus",
  }),
];

function addons({ settings, cluster }: Model, { projectRoot }: CheckContext): Iterable<Problem> {
  if (!settings.observability) return [];
  return runChecks(...addonChecks(settings.observability, { settings, cluster, projectRoot }));
}

/** Values of secrets that an addon does not accept. */
function* addonSecrets({ settings: { observability } }: Model, { secretTexts }: CheckContext): Iterable<Problem> {
  for (const installed of installedAddons(observability)) {
    for (const { secret, entry = "" } of secretReferences(installed)) {
      const text = secretTexts.get(entry);
      const message = text === undefined ? undefined : secret.refuses?.(text);
      if (message !== undefined) yield { path: ["observability", installed.addon.name, secret.field], message };
    }
  }
}
