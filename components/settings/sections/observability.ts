import { z } from "zod";
import { addonFields, addons, installedAddons } from "../../observability/addons/registry";
import { dnsLabel, expectedElsewhere, flag } from "../fields";

/** `talos-mesh:observability`. */

export const observability = z.strictObject({
  namespace: dnsLabel
    .default("observability")
    .describe("Of all addons. No proxies are injected in it, so that the addons do not depend on the mesh."),
  ...addonFields(),
  alerts: flag("Rules that Prometheus evaluates. Default: true where Prometheus is installed."),
});

expectedElsewhere.add(
  observability,
  Object.fromEntries(addons.flatMap((addon) => Object.entries(addon.expectedElsewhere ?? {}))),
);

export type ObservabilitySettings = z.output<typeof observability>;

/** Whether any addon is installed: stack files may have the section and leave it empty. */
export function hasAddons(settings: ObservabilitySettings | undefined): settings is ObservabilitySettings {
  return installedAddons(settings).length > 0;
}
