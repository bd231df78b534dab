import type { z } from "zod";
import { officialCharts, officialOciCharts } from "../../settings/versions";
import { type ChartSource, chartSourceAt } from "../../shared/chart-source";
import { type Problem, problemsOf, type SettingPath } from "../../shared/problem";
import { ifKnown } from "../../shared/unknown";
import type { Addon, AddonRelease, AddonStack, Chart, ExposureSettings, Login, SettingsOf } from "./addon";
import { grafana } from "./grafana";
import { kiali } from "./kiali";
import { loki } from "./loki";
import { prometheus } from "./prometheus";
import { tracing } from "./tracing";
import { own } from "../../shared/own";

export const addons = [prometheus, grafana, kiali, tracing, loki] as const;

type AddonFields = {
  readonly [Each in (typeof addons)[number] as Each["name"]]: z.ZodOptional<Each["settings"]>;
};

export function addonFields(): AddonFields {
  return Object.fromEntries(addons.map(({ name, settings }) => [name, settings.optional()])) as unknown as AddonFields;
}

const allAddons: readonly Addon[] = addons;

/** The section of the settings; each addon reads its own field of it. */
interface AddonSettings {
  readonly namespace: string;
}

export function installedAddons(observability: AddonSettings | undefined) {
  return allAddons.flatMap((addon) => {
    const settings = settingsOf(observability)(addon);
    return settings === undefined ? [] : [{ addon, settings }];
  });
}

export function settingsOf(observability: AddonSettings | undefined): SettingsOf {
  const fields = (observability ?? {}) as Readonly<Record<string, unknown>>;
  return <Schema extends z.ZodType>({ name }: Addon<string, Schema>) =>
    own(fields, name) as z.output<Schema> | undefined;
}

export function installedReleases(observability: AddonSettings | undefined, istioVersion: string) {
  return installedAddons(observability).flatMap(({ addon, settings }) =>
    addon.releases
      .filter((release) => release.installed?.(settings) ?? true)
      .map((release) => {
        const chart = chartOf(release, istioVersion);
        // Those that it pulls, with their official names.
        const images = release.images?.(settings, chart.images) ?? Object.values(chart.images);
        return { addon, settings, release, chart, images };
      }),
  );
}

/**
 * Where an addon's chart comes from: the location that the settings name for addons, otherwise that of Istio's charts.
 * Istio's official locations have only Istio's charts, so that there each addon's chart comes from its publisher; a mirror
 * or a folder must have all charts, under their own names.
 */
export function addonSource(
  location: string | undefined,
  istio: ChartSource,
  { repository }: Pick<Chart, "repository">,
): ChartSource {
  const publisher: ChartSource = { kind: "repository", url: repository };
  if (location !== undefined) return location === "makers" ? publisher : chartSourceAt(location);
  const isOfficial =
    istio.kind !== "folder" && [officialCharts, officialOciCharts].includes(istio.url.replace(/\/+$/, ""));
  return isOfficial ? publisher : istio;
}

function chartOf({ chart }: AddonRelease, istioVersion: string): Chart {
  return typeof chart === "function" ? chart(istioVersion) : chart;
}

/** The charts of all addons, also of those that the settings do not install. */
export function allCharts(istioVersion: string): Chart[] {
  return allAddons.flatMap(({ releases }) => releases.map((release) => chartOf(release, istioVersion)));
}

export function addonImages(observability: AddonSettings | undefined, istioVersion: string): readonly string[] {
  return installedReleases(observability, istioVersion)
    .flatMap(({ images }) => images)
    .sort();
}

export function extensionProviders(observability: AddonSettings | undefined) {
  if (!observability) return [];
  return installedAddons(observability).flatMap(
    ({ addon, settings }) => addon.extensionProvider?.(settings, observability.namespace) ?? [],
  );
}

/** The secrets of an addon, each with the entry of `talos-mesh:secrets` that the settings refer to. */
export function secretReferences({ addon, settings }: ReturnType<typeof installedAddons>[number]) {
  const fields = settings as Readonly<Record<string, { readonly secret: string } | undefined>>;
  return (addon.secrets ?? []).map((secret) => ({ secret, entry: own(fields, secret.field)?.secret }));
}

/** The checks of all addons, each to be made on its own. */
export function addonChecks(observability: AddonSettings, stack: Omit<AddonStack, "settingsOf">): (() => Problem[])[] {
  const addonSettings = settingsOf(observability);
  return allAddons.flatMap((addon) =>
    (addon.checks ?? []).map((check) => () => {
      const settings = addonSettings(addon);
      if (settings === undefined) return [];
      return problemsOf(check(settings, { ...stack, settingsOf: addonSettings }), ["observability", addon.name]);
    }),
  );
}

export interface ExposedPage {
  readonly path: SettingPath;
  readonly service: { readonly name: string; readonly namespace: string; readonly port: number };
  readonly login: Login["kind"];
  readonly settings: ExposureSettings;
}

/** The pages that gateways expose; of an addon whose settings have a mistake there, none. */
export function exposedPages(observability: () => AddonSettings | undefined): ExposedPage[] {
  return allAddons.flatMap((addon) => {
    const found = ifKnown(() => exposedPage(addon, observability()));
    return found ? [found] : [];
  });
}

function exposedPage(addon: Addon, observability: AddonSettings | undefined): ExposedPage | undefined {
  const settings = settingsOf(observability)(addon) as { readonly expose?: ExposureSettings } | undefined;
  if (!observability || !settings?.expose) return undefined;
  const release = addon.releases.find((one) => one.page && (one.installed?.(settings) ?? true));
  const { page } = release ?? {};
  if (!release || !page) return undefined;
  return {
    path: ["observability", addon.name, "expose"],
    service: { name: release.name, namespace: observability.namespace, port: page.port },
    login: page.login?.(settings).kind ?? "none",
    settings: settings.expose,
  };
}

export function addonNotes(observability: AddonSettings | undefined): string[] {
  return installedAddons(observability).flatMap(
    ({ addon, settings }) => addon.notes?.(settings, settingsOf(observability)) ?? [],
  );
}

export function allPages() {
  return allAddons.flatMap(({ releases }) => releases.flatMap(({ name, page }) => (page ? [{ name, page }] : [])));
}
