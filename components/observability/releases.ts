import type { HelmValues } from "../shared/helm-release";
import { alertGroups, type MeshUnderWatch } from "./alerts";
import { kialiVersion } from "./charts";
import { type DashboardMap, grafanaValues } from "./values/grafana";
import type { AddonValuesInput } from "./values/input";
import { kialiValues } from "./values/kiali";
import { alloyValues, lokiValues } from "./values/logs";
import { prometheusValues } from "./values/prometheus";
import { jaegerValues, zipkinValues } from "./values/tracing";

/**
 * The values of every addon that the settings ask for, by the name of its release.
 *
 * @param maps ConfigMaps with dashboards
 */
export function addonValues(
  input: AddonValuesInput,
  watched: MeshUnderWatch,
  maps: readonly DashboardMap[],
): ReadonlyMap<string, HelmValues> {
  const { prometheus, grafana, kiali, tracing, loki, alerts } = input.observability;
  const values = new Map<string, HelmValues>();
  if (prometheus) {
    values.set("prometheus", prometheusValues(prometheus, input, alerts === false ? [] : alertGroups(watched)));
  }
  if (grafana) values.set("grafana", grafanaValues(grafana, input, maps));
  if (kiali) values.set("kiali", kialiValues(kiali, input, kialiVersion(input.meshVersion)));
  if (tracing?.provider === "jaeger") values.set("jaeger", jaegerValues(tracing, input));
  if (tracing?.provider === "zipkin") values.set("zipkin", zipkinValues(tracing, input));
  if (loki) values.set("loki", lokiValues(loki, input)).set("alloy", alloyValues(input));
  return values;
}
