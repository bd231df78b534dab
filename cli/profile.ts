import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse } from "yaml";
import { clusterTraits } from "../components/cluster/kinds";
import { effectiveValues, readIstioChart } from "../components/mesh/values/chart-folder";
import {
  type ChartName,
  type MeshValuesInput,
  type ProfileName,
  scopes,
} from "../components/mesh/values/common-values";
import { baseValues, cniValues, istiodValues, ztunnelValues } from "../components/mesh/values/istio-charts";
import { hasAmbient } from "../components/model/data-planes";
import { settingsSchema, type Settings } from "../components/settings/schema";
import { officialCharts, versions } from "../components/settings/versions";
import type { HelmValues } from "../components/shared/helm-release";
import { isTree, mergeValues } from "../components/shared/merge";
import { UserError } from "../components/shared/problem";
import { CommandError, runCommand } from "../components/shared/run-command";
import { ensureTools } from "../embedded/tools/ensure-tools";
import { columns } from "./report/terminal";

/** Values by chart, in the order of installation. */
export type ChartValues = ReadonlyMap<ChartName, HelmValues>;

/** The mesh of a stack; without one, a mesh with nothing set but its version, on Talos. */
export function meshOf(stack: Settings | undefined): MeshValuesInput {
  if (stack) return { mesh: stack.mesh, images: stack.images, cluster: clusterTraits(stack.cluster) };
  const { mesh, images } = settingsSchema.shape;
  return {
    mesh: mesh.parse({ version: versions.istio }),
    images: images.parse({}),
    cluster: { simulatedNodes: false, talos: true },
  };
}

/** The same mesh with another profile. Profile ambient also selects the ambient data plane. */
export function withProfile(input: MeshValuesInput, profile: ProfileName): MeshValuesInput {
  const dataPlane = profile === "ambient" && !hasAmbient(input.mesh) ? "ambient" : input.mesh.dataPlane;
  return { ...input, mesh: { ...input.mesh, profile, dataPlane } };
}

/** Values that talos-mesh passes to each chart of the mesh, without gateways: no profile changes theirs. */
export function givenValues(input: MeshValuesInput): ChartValues {
  return new Map<ChartName, HelmValues>([
    ["base", baseValues(input)],
    ["istiod", istiodValues(input)],
    ["cni", cniValues(input)],
    ...(hasAmbient(input.mesh) ? [["ztunnel", ztunnelValues(input)] as const] : []),
  ]);
}

/** Values that the templates of each chart see; undefined where a chart in the folder is not Istio's own. */
export function seenValues(given: ChartValues, folder: string): ChartValues | undefined {
  const seen = new Map<ChartName, HelmValues>();
  for (const [name, values] of given) {
    const chart = readIstioChart(folder, name);
    if (!chart) return undefined;
    seen.set(name, effectiveValues(chart, values));
  }
  return seen;
}

/**
 * Values that the templates of the stand-in charts see. These charts know the defaults and profiles of what they
 * render, not all of Istio's.
 */
export function standInValues(given: ChartValues): ChartValues {
  return new Map(
    [...given].map(([name, values]) => {
      const text = readFileSync(path.join(__dirname, "../embedded/charts", name, "files/values.yaml"), "utf8");
      const { defaults, profiles } = parse(text) as { defaults: HelmValues; profiles: Record<string, HelmValues> };
      const base = mergeValues(defaults, profiles[String(values["profile"])] ?? {});
      const { [scopes[name] ?? ""]: scoped, ...under } = mergeValues(base, values);
      return [name, mergeValues(under, isTree(scoped) ? scoped : {})] as const;
    }),
  );
}

/** A block for each chart, a line for each value that differs. */
export function differenceText(
  before: ChartValues,
  after: ChartValues,
  [first, second]: readonly [before: string, after: string],
): string {
  const charts = [...new Set([...before.keys(), ...after.keys()])].map((chart) => {
    const [a, b] = [before.get(chart), after.get(chart)];
    if (!a || !b) return `${chart}: only under ${a ? first : second}`;
    const found = differences(a, b, "");
    return found.length === 0 ? `${chart}: no difference` : [chart, ...columns(found)].join("\n");
  });
  return charts.join("\n");
}

/** Lists are compared as a whole. */
function differences(before: unknown, after: unknown, at: string): [key: string, change: string][] {
  // A missing mapping counts as an empty one, so that every difference is one of single values.
  const [a, b] = [before ?? {}, after ?? {}];
  if ((isTree(before) || isTree(after)) && isTree(a) && isTree(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
    return keys.flatMap((key) => {
      const name = /^[\w-]+$/.test(key) ? key : JSON.stringify(key);
      return differences(a[key], b[key], at === "" ? name : `${at}.${name}`);
    });
  }
  const [from, to] = [before, after].map((value) => (value === undefined ? "(unset)" : JSON.stringify(value)));
  return from === to ? [] : [[`  ${at}`, `${from} -> ${to}`]];
}

/** Per chart. */
const pullTimeoutMs = 60_000;

/**
 * Fetches charts with helm for as long as `use` runs, which receives the folder with a folder for each chart.
 *
 * @param source repository or registry, as `charts.source` names it
 */
export async function withFetchedCharts<Result>(
  charts: readonly ChartName[],
  { version, source }: { readonly version: string; readonly source: string },
  use: (folder: string) => Result,
): Promise<Result> {
  const { helm } = await ensureTools(["helm"]);
  const repository = source === "auto" ? officialCharts : source;
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-charts-"));
  try {
    for (const chart of charts) {
      const from = repository.startsWith("oci://") ? [`${repository}/${chart}`] : [chart, "--repo", repository];
      const options = ["--version", version, "--untar", "--untardir", folder];
      await runCommand(helm.path, ["pull", ...from, ...options], { timeoutMs: pullTimeoutMs });
    }
    return use(folder);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const why = error.output.at(-1) ?? error.message;
    throw new UserError(`--pull: helm cannot fetch Istio's charts ${version} from ${repository}: ${why}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
