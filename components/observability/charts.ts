import type { Settings } from "../settings/schema";
import type { ObservabilitySettings } from "../settings/sections/observability";
import {
  addons,
  kialiForIstio,
  kialiImage,
  kialiRepository,
  minorOf,
  officialCharts,
  officialOciCharts,
} from "../settings/versions";
import { type ChartSource, chartSourceAt } from "../shared/helm-release";

/** An addon's chart: where its makers publish it, at which version, and what it pulls. */
export interface AddonChart {
  readonly chart: string;
  readonly version: string;
  readonly repository: string;
  /** Images with registry and tag. */
  readonly images: readonly string[];
}

function pinned(name: keyof typeof addons): AddonChart {
  const { version, repository, images } = addons[name];
  return { chart: name, version, repository, images: Object.values(images) };
}

/** @throws Error where the version is of no known Istio; rules refuse that earlier */
export function kialiVersion(meshVersion: string): string {
  const version = kialiForIstio[minorOf(meshVersion)];
  if (version === undefined) throw new Error(`no Kiali is known to go with Istio ${meshVersion}`);
  return version;
}

/** Charts of the addons that the settings ask for, by the name of their release. */
export function addonCharts(
  observability: ObservabilitySettings,
  meshVersion: string,
): ReadonlyMap<string, AddonChart> {
  const { prometheus, grafana, kiali, tracing, loki } = observability;
  const charts = new Map<string, AddonChart>();
  if (prometheus) charts.set("prometheus", pinned("prometheus"));
  if (grafana) {
    const { server, download } = addons.grafana.images;
    const images = grafana.dashboards === "official" ? [server, download] : [server];
    charts.set("grafana", { ...pinned("grafana"), images });
  }
  if (kiali) {
    const version = kialiVersion(meshVersion);
    const images = [`${kialiImage}:v${version}`];
    charts.set("kiali", { chart: "kiali-server", version, repository: kialiRepository, images });
  }
  if (tracing) charts.set(tracing.provider, pinned(tracing.provider));
  if (loki) charts.set("loki", pinned("loki")).set("alloy", pinned("alloy"));
  return charts;
}

/** Every image that the addons pull, as their makers name them, sorted. */
export function observabilityImages(
  observability: ObservabilitySettings | undefined,
  meshVersion: string,
): readonly string[] {
  if (!observability) return [];
  return [...addonCharts(observability, meshVersion).values()].flatMap(({ images }) => images).sort();
}

/**
 * Where an addon's chart comes from: the place that the settings name for addons, else that of Istio's charts. Istio's
 * own places have only Istio's charts, so there each addon comes from its makers; a mirror or a folder has to have all,
 * under their own names.
 */
export function addonSource(
  addons: Settings["charts"]["addons"],
  istio: ChartSource,
  { repository }: AddonChart,
): ChartSource {
  const makers: ChartSource = { kind: "repository", url: repository };
  if (addons !== undefined) return addons === "makers" ? makers : chartSourceAt(addons);
  const istios = istio.kind !== "folder" && [officialCharts, officialOciCharts].includes(istio.url.replace(/\/+$/, ""));
  return istios ? makers : istio;
}
