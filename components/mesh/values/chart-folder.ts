import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { controlPlaneOf, controlPlanes, sharedVersions } from "../../model/control-planes";
import { hasAmbient } from "../../model/data-planes";
import { gatewayNamespace } from "../../model/gateways";
import type { Settings } from "../../settings/schema";
import type { MeshSettings } from "../../settings/sections/mesh";
import { suggestion } from "../../settings/wording";
import type { RequiredChart } from "../../shared/chart-source";
import type { HelmValues } from "../../shared/helm-release";
import { asTree, isTree, mergeValues } from "../../shared/merge";
import type { Problem, SettingPath } from "../../shared/problem";
import { type ChartName, scopes } from "./common-values";
import { own } from "../../shared/own";

export function meshCharts({ mesh, gateways }: Pick<Settings, "mesh" | "gateways">): readonly RequiredChart[] {
  const { newest, oldest } = sharedVersions(mesh);
  const chartGateways = Object.entries(gateways).filter(([, { kind }]) => kind === "chart");
  const charts = [
    { name: "base", version: newest },
    ...controlPlanes(mesh).map(({ version }) => ({ name: "istiod", version })),
    { name: "cni", version: oldest },
    ...(hasAmbient(mesh) ? [{ name: "ztunnel", version: oldest }] : []),
    ...chartGateways.map(([name, gateway]) => {
      const { version } = controlPlaneOf(mesh, gatewayNamespace(name, gateway));
      return { name: "gateway", version };
    }),
  ];
  return [...new Map(charts.map((chart) => [`${chart.name} ${chart.version}`, chart])).values()];
}

export type IstioChart = NonNullable<ReturnType<typeof readIstioChart>>;

/** Key of the chart's own values in values.yaml, which lets profiles apply between them and the user's. */
const ownValues = "_internal_defaults_do_not_set";

/** Keys that the template which selects the profile reads, in every chart. */
const profileKeys = ["profile", "compatibilityVersion", "platform", "global"];

/** Undefined where there is no such chart, or it is not Istio's own, such as a stand-in of embedded/charts. */
export function readIstioChart(folder: string, name: ChartName) {
  const chart = path.join(folder, name);
  const description = readYaml(path.join(chart, "Chart.yaml"));
  const values = readYaml(path.join(chart, "values.yaml"))?.[ownValues];
  if (!description || !isTree(values)) return undefined;
  const templates = [...filesIn(path.join(chart, "templates")), ...filesIn(path.join(chart, "files"))]
    // Profiles set keys of every chart, and CRDs read none.
    .filter((file) => !/^(profile-|crd-)/.test(path.basename(file)))
    .map((file) => readFileSync(file, "utf8"));
  const scope = scopes[name];
  return {
    name,
    version: String(description["version"]),
    defaults: values,
    /** Values of a profile, `compatibility-version-1.30` or `platform-k3s`; undefined where the chart has no such file. */
    profile: (profile: string) => readYaml(path.join(chart, "files", `profile-${profile}.yaml`)),
    /** Keys that the chart reads at the top and under `global`: those with a default and those that its templates name. */
    keys: {
      top: new Set([
        ...Object.keys(values),
        ...referencesIn(templates, /\.Values\.([A-Za-z_]\w*)/g),
        ...profileKeys,
        ...(scope === undefined ? [] : [scope]),
      ]),
      global: new Set([
        ...Object.keys(asTree(values["global"])),
        ...referencesIn(templates, /\.Values\.global\)?\.([A-Za-z_]\w*)/g),
        ...profileKeys,
      ]),
    },
  };
}

/** Keys that the templates name, without those that are internal to Istio's charts. */
function referencesIn(templates: readonly string[], reference: RegExp): string[] {
  const names = templates.flatMap((text) => [...text.matchAll(reference)].flatMap((match) => match[1] ?? []));
  return names.filter((name) => !name.startsWith("_") && name !== "defaults");
}

function filesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).map((file) => path.join(folder, file)) : [];
}

/** The mapping in a file, empty where the file is empty; undefined where the file does not exist. */
function readYaml(file: string): Record<string, unknown> | undefined {
  if (!existsSync(file)) return undefined;
  return { ...asTree(parse(readFileSync(file, "utf8"))) };
}

/** Charts that read the keys of `global` at the top as well. Source: istio/istio, Makefile.core.mk, copy-templates. */
const globalAtTop: readonly string[] = ["ztunnel", "gateway"];

/**
 * The values that a chart's templates see: the defaults, the profile, the compatibility version, the platform, the given
 * values, and last the keys under `pilot` or `cni`, each merged over the one before. Keys that a profile sets for other
 * charts are left out. Source: istio/istio, manifests/zzz_profile.yaml.
 *
 * @throws RangeError where the chart has no such profile, compatibility version or platform
 */
export function effectiveValues(chart: IstioChart, given: HelmValues): HelmValues {
  const selected = profileFileValues(chart, given);
  const below = mergeValues(chart.defaults, selected);
  const flat = globalAtTop.includes(chart.name)
    ? mergeValues(mergeValues(below, asTree(selected["global"])), asTree(given["global"]))
    : below;
  const { [scopes[chart.name] ?? ""]: scoped, ...others } = mergeValues(flat, given);
  const seen = withKeys(mergeValues(others, asTree(scoped)), chart.keys.top);
  return isTree(seen["global"]) ? { ...seen, global: withKeys(seen["global"], chart.keys.global) } : seen;
}

function withKeys(values: HelmValues, keys: ReadonlySet<string>): HelmValues {
  return Object.fromEntries(Object.entries(values).filter(([key]) => keys.has(key)));
}

function profileFileValues(chart: IstioChart, given: HelmValues): HelmValues {
  const global = asTree(given["global"]);
  const selections = [
    ["profile", given["profile"] ?? global["profile"], ""],
    ["compatibility version", given["compatibilityVersion"], "compatibility-version-"],
    ["platform", given["platform"] ?? global["platform"], "platform-"],
  ] as const;
  return selections.reduce<HelmValues>((values, [what, selected, prefix]) => {
    if (typeof selected !== "string" || selected === "") return values;
    const file = chart.profile(`${prefix}${selected}`);
    if (!file) throw new RangeError(`the chart ${chart.name} ${chart.version} has no ${what} ${selected}`);
    return mergeValues(values, file);
  }, {});
}

type UserValues = ReturnType<typeof userValues>[number];

function userValues({ values, canary }: MeshSettings) {
  const all = Object.entries<HelmValues | undefined>(values).map(([chart, given = {}]) => {
    return { path: ["mesh", "values", chart], chart: chart as ChartName, values: given };
  });
  if (canary) all.push({ path: ["mesh", "canary", "values"], chart: "istiod", values: canary.values });
  return all;
}

/**
 * Keys of a user's values that a chart does not read. Of Istio's charts only `gateway` has a schema; Helm ignores a
 * misspelt key of the others. Deeper keys are not checked: a chart may pass them on unchanged, as it does with resources.
 */
export function unknownKeys({ keys: { top, global } }: IstioChart, { path: at, chart, values }: UserValues): Problem[] {
  const scope = scopes[chart];
  const problemsOf = (values: unknown, at: SettingPath, known: ReadonlySet<string>): Problem[] =>
    Object.keys(asTree(values))
      .filter((key) => !known.has(key))
      .map((key) => ({
        path: [...at, key],
        message: `the chart ${chart} reads no such value; ${suggestion(key, [...known].sort())}`,
      }));
  return [
    ...problemsOf(values, at, top),
    ...problemsOf(values["global"], [...at, "global"], global),
    ...(scope === undefined ? [] : problemsOf(own(values, scope), [...at, scope], top)),
  ];
}

/** Istio's own chart, where the settings name a folder that has it; other charts are known only once Helm fetches them. */
function readableChart(source: string, projectRoot: string, chart: ChartName): IstioChart | undefined {
  if (!/^[./]/.test(source)) return undefined;
  return readIstioChart(path.resolve(projectRoot, source), chart);
}

export function unknownValues({ mesh, charts }: Pick<Settings, "mesh" | "charts">, projectRoot: string): Problem[] {
  return userValues(mesh).flatMap((given) => {
    const chart = readableChart(charts.source, projectRoot, given.chart);
    return chart ? unknownKeys(chart, given) : [];
  });
}

/** Paths of Helm values that cannot be checked here. The chart `gateway` has a schema, by which Helm checks its values. */
export function uncheckedValues(
  { mesh, charts }: Pick<Settings, "mesh" | "charts">,
  projectRoot: string,
): SettingPath[] {
  return userValues(mesh)
    .filter(({ chart, values }) => chart !== "gateway" && Object.keys(values).length > 0)
    .filter(({ chart }) => readableChart(charts.source, projectRoot, chart) === undefined)
    .map(({ path: at }) => at);
}
