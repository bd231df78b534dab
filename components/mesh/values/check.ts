import path from "node:path";
import type { Problem, SettingPath } from "../../shared/problem";
import type { Settings } from "../../settings/schema";
import type { MeshSettings } from "../../settings/sections/mesh";
import { suggestion } from "../../settings/suggest";
import type { HelmValues } from "../../shared/helm-release";
import { isTree } from "../../shared/merge";
import { type ChartName, type IstioChart, readIstioChart, scopeOf } from "./chart";

interface Given {
  readonly path: SettingPath;
  readonly chart: ChartName;
  readonly values: HelmValues;
}

/** Every place of the settings with values for a chart. */
export function givenValues({ values, canary }: MeshSettings): Given[] {
  const perChart = Object.entries(values).flatMap(([chart, given]): Given[] =>
    given ? [{ path: ["mesh", "values", chart], chart: chart as ChartName, values: given }] : [],
  );
  return canary
    ? [...perChart, { path: ["mesh", "canary", "values"], chart: "istiod", values: canary.values }]
    : perChart;
}

/**
 * Keys of a user's values that a chart does not read. Istio's charts but `gateway` have no schema: Helm takes a
 * misspelt key in silence. Deeper than these keys a chart may pass on what it was given, as it does with resources.
 */
export function unknownKeys({ keys: { top, global } }: IstioChart, { path: at, chart, values }: Given): Problem[] {
  const scope = scopeOf(chart);
  const problemsOf = (values: unknown, at: SettingPath, known: ReadonlySet<string>): Problem[] =>
    Object.keys(isTree(values) ? values : {})
      .filter((key) => !known.has(key))
      .map((key) => ({
        path: [...at, key],
        message: `the chart ${chart} reads no such value; ${suggestion(key, [...known].sort())}`,
      }));
  return [
    ...problemsOf(values, at, top),
    ...problemsOf(values["global"], [...at, "global"], global),
    ...(scope === undefined ? [] : problemsOf(values[scope], [...at, scope], top)),
  ];
}

/** The charts that can be looked into before Helm fetches them: Istio's own in a folder. */
function readableChart(source: string, projectRoot: string, chart: ChartName): IstioChart | undefined {
  if (!/^[./]/.test(source)) return undefined;
  return readIstioChart(path.resolve(projectRoot, source), chart);
}

/** Values with keys that Istio's charts do not read, where the charts are in a folder. */
export function unknownValues({ mesh, charts }: Partial<Settings>, projectRoot: string): Problem[] {
  if (!mesh || !charts) return [];
  return givenValues(mesh).flatMap((given) => {
    const chart = readableChart(charts.source, projectRoot, given.chart);
    return chart ? unknownKeys(chart, given) : [];
  });
}

/** Where there are values for charts that cannot be looked into. The chart `gateway` has a schema and checks its own. */
export function uncheckedValues(
  { mesh, charts }: Pick<Settings, "mesh" | "charts">,
  projectRoot: string,
): SettingPath[] {
  return givenValues(mesh)
    .filter(({ chart, values }) => chart !== "gateway" && Object.keys(values).length > 0)
    .filter(({ chart }) => readableChart(charts.source, projectRoot, chart) === undefined)
    .map(({ path: at }) => at);
}
