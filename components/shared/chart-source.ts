import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** Where charts come from: one setting for all releases. */
export type ChartSource =
  | { readonly kind: "repository"; readonly url: string }
  | { readonly kind: "oci"; readonly url: string }
  /**
   * A folder with one folder for each chart, relative to the project; several versions have a folder each
   * (./charts/1.31.1/istiod). Stand-in charts exist once, for every version, so that an upgrade can be tried with them.
   */
  | { readonly kind: "folder"; readonly path: string; readonly standIn: boolean };

/** A chart of another project than Istio, at the version that this program installs. */
export interface Chart {
  readonly name: string;
  readonly product: string;
  readonly version: string;
  readonly repository: string;
  /** With registry and tag. */
  readonly images: Readonly<Record<string, string>>;
}

export function chartSourceAt(location: string): ChartSource {
  if (location.startsWith("oci://")) return { kind: "oci", url: location };
  if (/^https?:/.test(location)) return { kind: "repository", url: location };
  return { kind: "folder", path: location, standIn: false };
}

const projectRoot = path.resolve(__dirname, "../..");

/** In a folder of the chart's version, where that exists. */
export function chartFolder(source: string, chart: string, version: string): string {
  const folder = source.replace(/\/+$/, "");
  const ofVersion = `${folder}/${version}/${chart}`;
  return existsSync(path.resolve(projectRoot, ofVersion)) ? ofVersion : `${folder}/${chart}`;
}

/**
 * A digest of a chart's files. The provider compares a release's inputs only: without this as an input, other files in the
 * same folder would change nothing.
 *
 * @param version the version it must have; undefined for a stand-in chart, which is used for every version
 * @throws Error where the folder does not have the chart; validation refuses that earlier
 */
export function chartDigest(chart: string, version: string | undefined): string {
  const found = versionIn(chart);
  if (found === undefined || (version !== undefined && found !== version)) {
    throw new Error(`the chart in ${chart} is of version ${found ?? "(none)"}, and the settings request ${version}`);
  }
  const folder = path.resolve(projectRoot, chart);
  const hash = createHash("sha256");
  for (const file of files(folder)) {
    hash.update(`${path.relative(folder, file).split(path.sep).join("/")}\0`);
    hash.update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex").slice(0, 16);
}

function versionIn(chart: string): string | undefined {
  const description = path.resolve(projectRoot, chart, "Chart.yaml");
  if (!existsSync(description)) return undefined;
  return /^version:\s*["']?([^"'\s]+)/m.exec(readFileSync(description, "utf8"))?.[1] ?? "(none)";
}

export type RequiredChart = Readonly<Record<"name" | "version", string>>;

export function missingCharts(source: string, charts: readonly RequiredChart[]): string[] {
  return charts.flatMap(({ name, version }) => {
    const found = versionIn(chartFolder(source, name, version));
    if (found === version) return [];
    return [`${name} ${version}${found === undefined ? "" : ` (found ${found})`}`];
  });
}

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const at = path.join(folder, entry.name);
      return entry.isDirectory() ? files(at) : [at];
    });
}
