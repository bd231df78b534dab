import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { chartDigest, chartFolder, type ChartSource } from "./chart-source";

export type HelmValues = Readonly<Record<string, unknown>>;

export interface HelmReleaseArgs {
  readonly chart: string;
  readonly release?: string;
  readonly version: string;
  readonly source: ChartSource;
  /** A namespace that exists already; a release creates none. */
  readonly namespace: string;
  readonly values: HelmValues;
  /**
   * Whether the release waits until its objects are ready, and is rolled back where they do not become so. Without it
   * another resource has to wait, as for a Service whose address comes from outside the cluster. @default true
   */
  readonly wait?: boolean;
}

/** The provider's own 300 are too few for a first pull of images on a small cluster. */
const timeoutSeconds = 600;

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
      timeout: timeoutSeconds,
    },
    opts,
  );
}

function chartLocation({ chart, version, source }: HelmReleaseArgs) {
  switch (source.kind) {
    case "repository":
      return { chart, version, repositoryOpts: { repo: source.url } };
    case "oci":
      return { chart: `${source.url.replace(/\/+$/, "")}/${chart}`, version };
    case "folder": {
      const folder = chartFolder(source.path, chart, version);
      const digest = chartDigest(folder, source.standIn ? undefined : version);
      return { chart: folder, description: `chart of content ${digest}` };
    }
  }
}
