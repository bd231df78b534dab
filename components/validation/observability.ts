import type { Model } from "../model/model";
import { type ExposedEntry, exposedEntries } from "../model/exposures";
import { tlsServerOf } from "../model/gateways";
import { addonChecks, exposedPages, installedAddons, secretReferences } from "../observability/addons/registry";
import { suggestion } from "../settings/wording";
import { type Problem, type SettingPath, shortPath } from "../shared/problem";
import type { GatewayWorkload } from "../shared/workload";
import { runChecks } from "../shared/unknown";
import { type Check, type CheckContext, refuse } from "./check";

/** Checks of `talos-mesh:observability`: those of the addons, and of what is no addon. */
export const observabilityChecks: readonly Check[] = [
  addons,
  addonSecrets,
  exposures,
  refuse("observability", ({ alerts, prometheus }) => alerts && !prometheus, {
    alerts: "Prometheus evaluates alerts; add observability.prometheus",
  }),
];

function addons({ settings, cluster }: Model, { projectRoot }: CheckContext): Iterable<Problem> {
  if (!settings.observability) return [];
  return runChecks(...addonChecks(settings.observability, { settings, cluster, projectRoot }));
}

/** Pages of addons behind gateways. */
function* exposures({ settings, names }: Model): Iterable<Problem> {
  const entries = exposedEntries(settings);
  for (const { path, login, settings: exposed } of exposedPages(() => settings.observability)) {
    if (login === "none" && !exposed.anonymous) {
      const message = "is a page that asks for no login; set expose.anonymous: true to expose it to every client";
      yield { path, message };
    }
    for (const [index, name] of exposed.gateways.entries()) {
      const known = names.gatewayNames();
      const gateway = names.findGateway(name);
      if (!gateway) {
        const message = `found ${name}; no such gateway; ${known.length > 0 ? suggestion(name, known) : `add gateways.${name}`}`;
        yield { path: [...path, "gateways", index], message };
      }
      for (const [position, host] of exposed.hosts.entries()) {
        const at = [...path, "hosts", position];
        const other = entries.find((one) => sameHost(one, name, host, path));
        if (other) {
          const message = `host ${host} already exists, at ${shortPath([...other.path, "hosts"])}; change or remove one of them`;
          yield { path: at, message };
        }
        if (gateway && settings.environment !== "dev" && login !== "none" && isPlain(gateway, host)) {
          const message = `found ${host}, which gateway ${name} serves in plain text, so that the login could be read; set its tls`;
          yield { path: at, message };
        }
      }
    }
  }
}

function sameHost(one: ExposedEntry, gateway: string, host: string, path: SettingPath): boolean {
  return one.path.join() !== path.join() && one.gateways.includes(gateway) && one.hosts.includes(host);
}

/** What a Gateway of others does is not known. */
function isPlain({ foreign, tls }: GatewayWorkload, host: string): boolean {
  if (foreign) return false;
  return !tls || tls.plainHttp === "served" || tlsServerOf(tls, host)?.mode === "PASSTHROUGH";
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
