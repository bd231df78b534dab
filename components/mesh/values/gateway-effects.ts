import type { GatewayDeploymentSettings } from "../../settings/sections/gateways";
import type { HelmValues } from "../../shared/helm-release";
import { mergeValues } from "../../shared/merge";
import { type Problem, problemsOf, type SettingPath } from "../../shared/problem";
import {
  type FieldCheck,
  fields,
  type Gateway,
  type GatewayField,
  overlayKinds,
  type Overlays,
} from "./gateway-fields";

/** Values of the gateway chart that the settings determine, without those that are the same for every gateway. */
export function gatewayChartValues(gateway: Gateway): HelmValues {
  return effects(gateway, "chart").reduce(mergeValues, { service: {}, autoscaling: { enabled: false } });
}

/**
 * What istiod merges over the objects that it creates from a Gateway. It creates a HorizontalPodAutoscaler and a
 * PodDisruptionBudget only where there is an overlay for them.
 * Source: istio/istio, manifests/charts/istio-control/istio-discovery/files/kube-gateway.yaml.
 */
export function gatewayOverlays(gateway: Gateway): readonly (readonly [kind: string, overlay: HelmValues])[] {
  const overlays: Overlays = effects(gateway, "gatewayApi").reduce(mergeValues, {});
  return overlayKinds.flatMap((kind) => (overlays[kind] ? [[kind, overlays[kind]] as const] : []));
}

const fieldNames = Object.keys(fields) as (keyof GatewayDeploymentSettings)[];

function effects(gateway: Gateway, api: "chart" | "gatewayApi"): HelmValues[] {
  return fieldNames.flatMap((name) => {
    const field: Pick<GatewayField<unknown>, "chart" | "gatewayApi"> = fields[name];
    const value = gateway.settings[name];
    const effect: HelmValues | undefined = value === undefined ? undefined : field[api]?.(value, gateway);
    return effect ? [effect] : [];
  });
}

/** The objects that istiod may have created for fields that are no longer set. */
export function leftByUnsetFields(settings: GatewayDeploymentSettings) {
  return fieldNames.flatMap((name) => (settings[name] === undefined ? (fields[name].leaves ?? []) : []));
}

/** Fields that a gateway of kind existing does not have, and those that only it has. */
function fieldsOfKind(gateway: GatewayDeploymentSettings, path: SettingPath): Problem[] {
  const existing = gateway.kind === "existing";
  return fieldNames.flatMap((name) => {
    const { ofExisting } = fields[name];
    if (gateway[name] === undefined || (existing ? ofExisting : ofExisting !== "only")) return [];
    const message = existing
      ? "is for a gateway that this program deploys; remove it, and set it where this one is deployed"
      : "is for a gateway that others deploy; set kind: existing, or remove it";
    return problemsOf(message, [...path, name]);
  });
}

export const gatewayFieldChecks = [
  fieldsOfKind,
  ...fieldNames.flatMap((name) =>
    ((fields[name].refusals ?? []) as readonly FieldCheck<unknown>[]).map(
      (check) =>
        (gateway: GatewayDeploymentSettings, path: SettingPath): Problem[] =>
          gateway[name] === undefined ? [] : problemsOf(check(gateway[name], gateway), [...path, name]),
    ),
  ),
];
