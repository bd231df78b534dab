import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import type { HelmValues } from "../../shared/helm-release";
import { isTree } from "../../shared/merge";
import { scopes } from "./user-values";

/** The charts of a mesh. */
export type ChartName = "base" | "istiod" | "cni" | "ztunnel" | "gateway";

/** One of Istio's charts, as far as values go. */
export interface IstioChart {
  readonly name: ChartName;
  readonly version: string;
  /** Its own values, which profiles and users change. */
  readonly defaults: HelmValues;
  /** What it sets for a profile, `compatibility-version-1.30` or `platform-k3s`; undefined where it knows none such. */
  readonly profile: (name: string) => HelmValues | undefined;
  /** Keys it reads at the top, and under `global`: those with a default and those its templates name. */
  readonly keys: { readonly top: ReadonlySet<string>; readonly global: ReadonlySet<string> };
}

/** Where Istio's charts keep their own values, so that profiles can come between them and the user's. */
const ownValues = "_internal_defaults_do_not_set";

/** Read by every chart, in the template that chooses the profile. */
const choosing = ["profile", "compatibilityVersion", "platform", "global"];

/**
 * Reads a chart of Istio's from its folder.
 *
 * @param folder absolute path of the folder with one folder a chart
 * @returns undefined where there is none, or one of another make, such as a stand-in of embedded/charts
 */
export function readIstioChart(folder: string, name: ChartName): IstioChart | undefined {
  const chart = path.join(folder, name);
  const description = readYaml(path.join(chart, "Chart.yaml"));
  const values = readYaml(path.join(chart, "values.yaml"))?.[ownValues];
  if (!description || !isTree(values)) return undefined;
  const texts = [...filesIn(path.join(chart, "templates")), ...filesIn(path.join(chart, "files"))]
    // Profiles set keys for every chart, and CRDs read none.
    .filter((file) => !/^(profile-|crd-)/.test(path.basename(file)))
    .map((file) => readFileSync(file, "utf8"));
  const scope = scopeOf(name);
  return {
    name,
    version: String(description["version"]),
    defaults: values,
    profile: (profile) => readYaml(path.join(chart, "files", `profile-${profile}.yaml`)),
    keys: {
      top: new Set([
        ...Object.keys(values),
        ...named(texts, /\.Values\.([A-Za-z_]\w*)/g),
        ...choosing,
        ...(scope === undefined ? [] : [scope]),
      ]),
      global: new Set([
        ...Object.keys(isTree(values["global"]) ? values["global"] : {}),
        ...named(texts, /\.Values\.global\)?\.([A-Za-z_]\w*)/g),
        ...choosing,
      ]),
    },
  };
}

export function scopeOf(chart: ChartName): string | undefined {
  return Object.hasOwn(scopes, chart) ? scopes[chart as keyof typeof scopes] : undefined;
}

/** Names in the templates, but for those that Istio's charts keep to themselves. */
function named(texts: readonly string[], reference: RegExp): string[] {
  const names = texts.flatMap((text) => [...text.matchAll(reference)].flatMap((match) => match[1] ?? []));
  return names.filter((name) => !name.startsWith("_") && name !== "defaults");
}

function filesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).map((file) => path.join(folder, file)) : [];
}

/** A map, empty where the file is; undefined where there is no such file. */
function readYaml(file: string): Record<string, unknown> | undefined {
  if (!existsSync(file)) return undefined;
  const value: unknown = parse(readFileSync(file, "utf8"));
  return isTree(value) ? { ...value } : {};
}
