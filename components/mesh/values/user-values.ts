import type { HelmValues } from "../../shared/helm-release";
import { mergeValues } from "../../shared/merge";

/**
 * Key under which a chart also reads its own values. A value there wins over the same value at the top, and profiles
 * write there: `resources` at the top of istio-cni's values loses against the demo profile's `cni.resources`.
 * Source: istio/istio, manifests/charts, templates/zzy_descope_legacy.yaml.
 */
export const scopes = { istiod: "pilot", cni: "cni" } as const;

/** Values that charts read at the top only. */
const topOnly = ["global", "meshConfig", "profile", "compatibilityVersion", "platform"];

/**
 * A user's values merged over ours, so that they also win over the profile inside the chart: what stands at the top
 * goes where the chart looks first.
 */
export function withUserValues(ours: HelmValues, user: HelmValues = {}, scope?: string): HelmValues {
  if (scope === undefined) return mergeValues(ours, user);
  const atTop = Object.entries(user).filter(([key]) => key === scope || topOnly.includes(key));
  const scoped = Object.entries(user).filter(([key]) => key !== scope && !topOnly.includes(key));
  if (scoped.length === 0) return mergeValues(ours, user);
  const under = mergeValues({ [scope]: Object.fromEntries(scoped) }, Object.fromEntries(atTop));
  return mergeValues(ours, under);
}
