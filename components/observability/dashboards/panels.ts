/** A dashboard as Grafana reads it from a file. */
export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly [field: string]: unknown;
}

export interface Query {
  readonly expr: string;
  /** How a line is named: `{{label}}` is a label's value. */
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  /** What one sees in it, and what is normal. */
  readonly description: string;
  /** A unit of Grafana's: reqps, percentunit, s, bytes, short. @default short */
  readonly unit?: string;
  readonly stacked?: boolean;
  readonly queries: readonly Query[];
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

const datasource = { type: "prometheus", uid: "prometheus" };

/** Grafana's grid is 24 wide; panels stand two in a line. */
const width = 12;
const height = 8;

/** Rows of panels with their places on the grid, from top to bottom. */
export function layOut(rows: readonly Row[]): readonly object[] {
  const placed: object[] = [];
  let y = 0;
  for (const { title, panels } of rows) {
    placed.push({ id: placed.length + 1, type: "row", title, gridPos: { x: 0, y, w: 2 * width, h: 1 }, panels: [] });
    y += 1;
    for (const [index, panel] of panels.entries()) {
      const gridPos = { x: (index % 2) * width, y: y + Math.floor(index / 2) * height, w: width, h: height };
      placed.push({ id: placed.length + 1, gridPos, ...timeSeries(panel) });
    }
    y += Math.ceil(panels.length / 2) * height;
  }
  return placed;
}

function timeSeries({ title, description, unit = "short", stacked = false, queries }: Panel): object {
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
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + index),
      datasource,
      expr,
      legendFormat: legend,
    })),
  };
}

/** A choice of label values above the dashboard; all of them until somebody chooses. */
export function choice(name: string, label: string, query: string): object {
  return {
    name,
    label,
    type: "query",
    datasource,
    query: { query, refId: name },
    refresh: 2,
    multi: true,
    includeAll: true,
    allValue: ".*",
    current: { text: "All", value: "$__all" },
  };
}
