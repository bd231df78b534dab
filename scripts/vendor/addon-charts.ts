import { readFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { kialiVersion } from "../../components/observability/charts";
import { addons, versions } from "../../components/settings/versions";

interface StandIn {
  readonly installs: string;
  /** Of the official chart that it stands in for. */
  readonly version: string;
}

/** The stand-ins for the charts of what watches the mesh, by the names of the official ones. */
const charts: Readonly<Record<string, StandIn>> = {
  prometheus: { installs: "Prometheus", version: addons.prometheus.version },
  grafana: { installs: "Grafana", version: addons.grafana.version },
  "kiali-server": { installs: "Kiali", version: kialiVersion(versions.istio) },
  jaeger: { installs: "Jaeger", version: addons.jaeger.version },
  zipkin: { installs: "Zipkin", version: addons.zipkin.version },
  loki: { installs: "Loki", version: addons.loki.version },
  alloy: { installs: "Grafana Alloy", version: addons.alloy.version },
};

export const addonChartNames = Object.keys(charts);

const sharedFolder = path.join(__dirname, "addon-chart");

/** Files that every chart has a copy of, since a chart can include no file from outside its folder. */
const sharedFiles = ["_addon.tpl", "NOTES.txt"];

function chartYaml(name: string, { installs, version }: StandIn): string {
  const chart = {
    apiVersion: "v2",
    name,
    description: `STAND-IN for the official chart ${name} (${installs}), for simulated nodes only; its pods show nothing.`,
    type: "application",
    version,
    appVersion: version,
    annotations: { "talos-mesh/stand-in": "true" },
  };
  return `# Made by scripts/vendor.cjs.\n${stringify(chart, { lineWidth: 0 })}`;
}

/**
 * The parts of the addons' stand-in charts that are the same in each or follow from a pinned version.
 *
 * @returns path relative to the project: content
 */
export function addonChartFiles(): Map<string, string> {
  return new Map(
    Object.entries(charts).flatMap(([name, chart]): [string, string][] => [
      [`embedded/charts/${name}/Chart.yaml`, chartYaml(name, chart)],
      ...sharedFiles.map((file): [string, string] => [
        `embedded/charts/${name}/templates/${file}`,
        readFileSync(path.join(sharedFolder, file), "utf8"),
      ]),
    ]),
  );
}
