import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

/** Where charts come from: one setting for all releases. */
export type ChartSource =
  | { readonly kind: "repository"; readonly url: string }
  | { readonly kind: "oci"; readonly url: string }
  /**
   * A folder with one folder for each chart, relative to the project; several versions have a folder each
   * (./charts/1.31.1/istiod). Stand-in charts exist once, for every version, so that an upgrade can be tried with them.
   */
  | { readonly kind: "folder"; readonly path: string; readonly standIn: boolean };

/** A location of charts as the settings write it: `https://`, `oci://`, or a folder. */
export function chartSourceAt(location: string): ChartSource {
  if (location.startsWith("oci://")) return { kind: "oci", url: location };
  if (/^https?:/.test(location)) return { kind: "repository", url: location };
  return { kind: "folder", path: location, standIn: false };
}

export type HelmValues = Readonly<Record<string, unknown>>;

export interface HelmReleaseArgs {
  /** Name of the chart, which is also its folder or its name in the repository. */
  readonly chart: string;
  /** Name of the Helm release. @default the chart's name */
  readonly release?: string;
  readonly version: string;
  readonly source: ChartSource;
  /** A namespace that exists already; a release creates none. */
  readonly namespace: string;
  readonly values: HelmValues;
  /** Seconds until the release gives up. @default 600 */
  readonly timeout?: number;
  /**
   * Whether the release waits until its objects are ready, and is rolled back where they do not become so. Without it
   * another resource has to wait, as for a Service whose address comes from outside the cluster. @default true
   */
  readonly wait?: boolean;
}

/** Seconds; the provider's own 300 are too few for a first pull of images on a small cluster. */
const defaultTimeout = 600;

/**
 * The only way this project installs a chart: a real Helm release (hooks, history, `helm upgrade` semantics), atomic,
 * so that a failed upgrade keeps the last good state and a failed install leaves nothing.
 */
export function helmRelease(
  name: string,
  args: HelmReleaseArgs,
  opts: pulumi.CustomResourceOptions,
): kubernetes.helm.v3.Release {
  return new kubernetes.helm.v3.Release(
    name,
    {
      name: args.release ?? args.chart,
      namespace: args.namespace,
      ...chartLocation(args),
      values: { ...args.values },
      ...((args.wait ?? true) ? { atomic: true } : { skipAwait: true }),
      cleanupOnFail: true,
      maxHistory: 5,
      timeout: args.timeout ?? defaultTimeout,
    },
    opts,
  );
}

function chartLocation({ chart, version, source }: HelmReleaseArgs): {
  readonly chart: string;
  readonly version?: string;
  readonly description?: string;
  readonly repositoryOpts?: { readonly repo: string };
} {
  switch (source.kind) {
    case "repository":
      return { chart, version, repositoryOpts: { repo: source.url } };
    case "oci":
      return { chart: `${source.url.replace(/\/+$/, "")}/${chart}`, version };
    case "folder": {
      const folder = chartFolder(source.path, chart, version);
      return {
        chart: folder,
        description: `chart of content ${chartDigest(folder, source.standIn ? undefined : version)}`,
      };
    }
  }
}

const projectRoot = path.resolve(__dirname, "../..");

/** The folder of a chart: in a folder of its version, where that exists. */
function chartFolder(source: string, chart: string, version: string): string {
  const folder = source.replace(/\/+$/, "");
  const ofVersion = `${folder}/${version}/${chart}`;
  return existsSync(path.resolve(projectRoot, ofVersion)) ? ofVersion : `${folder}/${chart}`;
}

/**
 * The content of a chart in a folder. The provider compares a release's inputs only: without this as an input, other files in
 * the same folder would change nothing.
 *
 * @param chart path of the chart, relative to the project or absolute
 * @param version the version it must have; undefined for a stand-in chart, which is used for every version
 * @returns the first 16 digits of the sha256 of its files
 * @throws pulumi.RunError where there is no chart, or one of another version
 */
export function chartDigest(chart: string, version: string | undefined): string {
  const folder = path.resolve(projectRoot, chart);
  const description = path.join(folder, "Chart.yaml");
  if (!existsSync(description)) {
    throw new pulumi.RunError(
      `there is no chart in ${chart}: ${description} does not exist. ` +
        "talos-mesh:charts.source names a folder with one folder for each chart, such as ./charts with base/, istiod/, cni/, gateway/",
    );
  }
  const found = /^version:\s*["']?([^"'\s]+)/m.exec(readFileSync(description, "utf8"))?.[1];
  if (version !== undefined && found !== version) {
    throw new pulumi.RunError(
      `the chart in ${chart} is of version ${found ?? "(none)"}, and the settings request ${version}: ` +
        `put that version there, or next to it as ${version}/${path.basename(folder)}; ` +
        "talos-mesh:charts.source names the folder of Istio's charts, charts.addons another place for those of addons",
    );
  }
  const hash = createHash("sha256");
  for (const file of files(folder)) {
    hash.update(`${path.relative(folder, file).split(path.sep).join("/")}\0`);
    hash.update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex").slice(0, 16);
}

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const at = path.join(folder, entry.name);
      return entry.isDirectory() ? files(at) : [at];
    });
}
