import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse } from "yaml";
import { clusterTraits } from "../components/cluster/kinds";
import { type ChartName, effectiveValues, readIstioChart } from "../components/mesh/values/chart-folder";
import { type MeshValuesInput, type ProfileName, scopeOf } from "../components/mesh/values/common-values";
import { baseValues, cniValues, istiodValues, ztunnelValues } from "../components/mesh/values/istio-charts";
import { hasAmbient } from "../components/model/data-planes";
import { settingsSchema, type Settings } from "../components/settings/schema";
import { officialCharts, versions } from "../components/settings/versions";
import type { HelmValues } from "../components/shared/helm-release";
import { isTree, mergeValues } from "../components/shared/merge";
import { UserError } from "../components/shared/problem";
import { ensureTools } from "../embedded/tools/ensure-tools";
import { CommandError, runCommand } from "../components/shared/run-command";

/** Values by chart, in the order of installation. */
export type ChartValues = ReadonlyMap<ChartName, HelmValues>;

/** The mesh of a stack; without one, a mesh with nothing set but its version, on Talos. */
export function meshOf(stack: Settings | undefined): MeshValuesInput {
  if (!stack) {
    const { mesh, images } = settingsSchema.shape;
    return {
      mesh: mesh.parse({ version: versions.istio }),
      images: images.parse({}),
      cluster: { simulatedNodes: false, talos: true },
    };
  }
  const { mesh, images, cluster } = stack;
  return { mesh, images, cluster: clusterTraits(cluster) };
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
  const seen = [...given].map(([name, values]) => {
    const chart = readIstioChart(folder, name);
    return chart && ([name, effectiveValues(chart, values)] as const);
  });
  const readable = seen.filter((each) => each !== undefined);
  return readable.length === seen.length ? new Map(readable) : undefined;
}

/**
 * Values that the templates of the stand-in charts see. These charts know the defaults and profiles of what they
 * render, not all of Istio's.
 *
 * @param folder absolute path of embedded/charts
 */
export function standInValues(given: ChartValues, folder: string): ChartValues {
  return new Map(
    [...given].map(([name, values]) => {
      const text = readFileSync(path.join(folder, name, "files/values.yaml"), "utf8");
      const { defaults, profiles } = parse(text) as { defaults: HelmValues; profiles: Record<string, HelmValues> };
      const { [scopeOf(name) ?? ""]: scoped, ...under } = mergeValues(
        mergeValues(defaults, profiles[String(values["profile"])] ?? {}),
        values,
      );
      return [name, mergeValues(under, isTree(scoped) ? scoped : {})] as const;
    }),
  );
}

/** A value of a chart that two profiles set differently; undefined where one does not set it. */
export interface Difference {
  /** `meshConfig.accessLogFile` */
  readonly key: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Differences in a chart, or the only side that has it. */
export type ChartDifference = readonly Difference[] | "only before" | "only after";

/** Differences by chart; lists are compared as a whole. */
export function differences(before: ChartValues, after: ChartValues): Map<string, ChartDifference> {
  const charts = [...new Set([...before.keys(), ...after.keys()])];
  return new Map(
    charts.map((chart): [string, ChartDifference] => {
      const [a, b] = [before.get(chart), after.get(chart)];
      if (!a || !b) return [chart, a ? "only before" : "only after"];
      return [chart, differ(a, b, [])];
    }),
  );
}

function differ(before: unknown, after: unknown, path: readonly string[]): Difference[] {
  // A missing mapping counts as an empty one, so that every difference is one of single values.
  if (isTree(before) || isTree(after)) {
    const [a, b] = [before ?? {}, after ?? {}];
    if (isTree(a) && isTree(b)) {
      const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
      return keys.flatMap((key) => differ(a[key], b[key], [...path, key]));
    }
  }
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  return [{ key: path.map(keyText).join("."), before, after }];
}

function keyText(key: string): string {
  return /^[\w-]+$/.test(key) ? key : JSON.stringify(key);
}

/** A block for each chart, a line for each difference. */
export function differenceText(
  found: ReadonlyMap<string, ChartDifference>,
  [before, after]: readonly [before: string, after: string],
): string {
  return [...found]
    .map(([chart, difference]) => {
      if (difference === "only before") return `${chart}: only under ${before}`;
      if (difference === "only after") return `${chart}: only under ${after}`;
      if (difference.length === 0) return `${chart}: no difference`;
      const width = Math.max(...difference.map(({ key }) => key.length));
      const lines = difference.map(
        (each) => `  ${each.key.padEnd(width)}  ${show(each.before)} -> ${show(each.after)}`,
      );
      return [chart, ...lines].join("\n");
    })
    .join("\n");
}

function show(value: unknown): string {
  return value === undefined ? "(unset)" : JSON.stringify(value);
}

/** Per chart. */
const pullTimeoutMs = 60_000;

interface ChartRequest {
  readonly charts: readonly ChartName[];
  readonly version: string;
  /** Repository or registry, as `charts.source` names it. */
  readonly source: string;
}

/**
 * Fetches charts with helm for as long as `use` runs.
 *
 * @param use receives the folder, with a folder for each chart
 * @throws UserError where the charts cannot be fetched
 */
export async function withFetchedCharts<Result>(
  { charts, version, source }: ChartRequest,
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
