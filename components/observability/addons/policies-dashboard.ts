import path from "node:path";
import { parse } from "yaml";
import { filledIn } from "../../shared/files";

/** Tag of the Grafana annotations that a benchmark creates at the start and the end of a run. */
export const benchmarkTag = "talos-mesh-benchmark";

const selected = 'destination_service_namespace=~"$namespace", destination_service_name=~"$service"';

const placeholders = {
  // A waypoint reports for callers that have no proxy, and for receivers.
  callers: `reporter=~"source|waypoint", ${selected}`,
  receivers: `reporter=~"destination|waypoint", ${selected}`,
  unregistered: 'reporter="source", destination_service_name="BlackHoleCluster"',
  benchmarkTag,
};

interface Panel {
  readonly title: string;
  readonly description: string;
  readonly unit: "reqps" | "percentunit" | "s" | "bytes" | "short";
  readonly stacked?: boolean;
  readonly queries: Readonly<Record<string, string>>;
}

interface DashboardFile {
  readonly dashboard: object;
  readonly rows: Readonly<Record<string, readonly Panel[]>>;
}

export function policiesDashboard(): { readonly panels: readonly object[] } {
  const text = filledIn(path.join(__dirname, "policies-dashboard.yaml"), placeholders);
  const { dashboard, rows } = parse(text) as DashboardFile;
  return { ...dashboard, panels: layOut(rows) };
}

/** Rows and panels with their positions on Grafana's grid, which is 24 wide: two panels in a line. */
function layOut(rows: DashboardFile["rows"]): object[] {
  const [width, height] = [12, 8];
  const placed: object[] = [];
  let y = 0;
  for (const [title, panels] of Object.entries(rows)) {
    placed.push({ id: placed.length + 1, type: "row", title, gridPos: { x: 0, y, w: 2 * width, h: 1 }, panels: [] });
    y += 1;
    for (const [index, each] of panels.entries()) {
      const gridPos = { x: (index % 2) * width, y: y + Math.floor(index / 2) * height, w: width, h: height };
      placed.push({ id: placed.length + 1, gridPos, ...timeSeries(each) });
    }
    y += Math.ceil(panels.length / 2) * height;
  }
  return placed;
}

function timeSeries({ title, description, unit, stacked = false, queries }: Panel): object {
  const datasource = { type: "prometheus", uid: "prometheus" };
  return {
    type: "timeseries",
    title,
    description,
    datasource,
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(unit === "percentunit" && { max: 1 }),
        custom: { fillOpacity: stacked ? 40 : 10, ...(stacked && { stacking: { mode: "normal" } }) },
      },
      overrides: [],
    },
    options: { legend: { displayMode: "table", placement: "right", calcs: ["lastNotNull"] } },
    targets: Object.entries(queries).map(([legendFormat, expr], index) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + index),
      datasource,
      expr,
      legendFormat,
    })),
  };
}
