import type { HelmValues } from "../../shared/helm-release";
import { isTree, mergeValues } from "../../shared/merge";
import { type IstioChart, scopeOf } from "./chart";

/** Charts that read `global` as if it stood at the top. Source: istio/istio, Makefile.core.mk, copy-templates. */
const globalAtTop: readonly string[] = ["ztunnel", "gateway"];

/**
 * The values a chart's templates see: its defaults, under the profile, the compatibility version and the platform,
 * under what is given; and over it all what stands under `pilot` or `cni`. What a profile sets for other charts is left
 * out.
 * Source: istio/istio, manifests/zzz_profile.yaml.
 *
 * @throws RangeError where the chart does not know what is chosen
 */
export function effectiveValues(chart: IstioChart, given: HelmValues): HelmValues {
  const chosen = chosenFiles(chart, given);
  const under = mergeValues(chart.defaults, chosen);
  const flat = globalAtTop.includes(chart.name)
    ? mergeValues(mergeValues(under, tree(chosen["global"])), tree(given["global"]))
    : under;
  const scope = scopeOf(chart.name);
  const { [scope ?? ""]: scoped, ...rest } = mergeValues(flat, given);
  const seen = ofKeys(mergeValues(rest, tree(scoped)), chart.keys.top);
  return isTree(seen["global"]) ? { ...seen, global: ofKeys(seen["global"], chart.keys.global) } : seen;
}

function ofKeys(values: HelmValues, keys: ReadonlySet<string>): HelmValues {
  return Object.fromEntries(Object.entries(values).filter(([key]) => keys.has(key)));
}

function chosenFiles(chart: IstioChart, given: HelmValues): HelmValues {
  const global = tree(given["global"]);
  const choices = [
    ["profile", given["profile"] ?? global["profile"], ""],
    ["compatibility version", given["compatibilityVersion"], "compatibility-version-"],
    ["platform", given["platform"] ?? global["platform"], "platform-"],
  ] as const;
  return choices.reduce<HelmValues>((values, [what, choice, prefix]) => {
    if (typeof choice !== "string" || choice === "") return values;
    const file = chart.profile(`${prefix}${choice}`);
    if (!file) throw new RangeError(`the chart ${chart.name} ${chart.version} knows no ${what} ${choice}`);
    return mergeValues(values, file);
  }, {});
}

function tree(value: unknown): HelmValues {
  return isTree(value) ? value : {};
}
