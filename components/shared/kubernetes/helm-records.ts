import { gunzipSync } from "node:zlib";
import type { ApiServer, LiveObject } from "./api-server";

/** A revision of a Helm release, as the labels of its Secret tell. */
export interface HelmRevision {
  readonly release: string;
  readonly revision: number;
  /** `deployed`, `superseded`, `failed`, `pending-install`, `pending-upgrade`, `uninstalling`, ... */
  readonly status: string;
}

/** The revisions in a namespace, of one release or of all, oldest first. Helm keeps each in a Secret. */
export async function helmRevisions(
  server: Pick<ApiServer, "list">,
  { namespace, name }: { readonly namespace: string; readonly name?: string },
  signal?: AbortSignal,
): Promise<HelmRevision[]> {
  return (await recordsOf(server, namespace, name, signal)).map(revisionOf).sort((a, b) => a.revision - b.revision);
}

/** What a revision was installed with. */
export interface HelmRelease extends HelmRevision {
  readonly chart: { readonly name: string; readonly version: string };
  /** Values over the chart's own. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly description: string;
}

/** The newest revision of a release with its content; undefined where there is no such release. */
export async function helmRelease(
  server: Pick<ApiServer, "list">,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  signal?: AbortSignal,
): Promise<HelmRelease | undefined> {
  const records = await recordsOf(server, namespace, name, signal);
  const newest = records.sort((a, b) => revisionOf(b).revision - revisionOf(a).revision)[0];
  if (!newest) return undefined;
  const { release = "" } = (newest as { data?: { release?: string } }).data ?? {};
  // Base64 by Helm around gzip, and base64 by Kubernetes around that.
  const compressed = Buffer.from(Buffer.from(release, "base64").toString("utf8"), "base64");
  const { chart, config, info } = JSON.parse(gunzipSync(compressed).toString("utf8")) as {
    readonly chart: { readonly metadata: HelmRelease["chart"] };
    readonly config?: HelmRelease["values"] | null;
    readonly info: { readonly description?: string };
  };
  const { name: chartName, version } = chart.metadata;
  return {
    ...revisionOf(newest),
    ...{ chart: { name: chartName, version }, values: config ?? {}, description: info.description ?? "" },
  };
}

function recordsOf(
  server: Pick<ApiServer, "list">,
  namespace: string,
  name: string | undefined,
  signal?: AbortSignal,
): Promise<LiveObject[]> {
  const labelSelector = name === undefined ? "owner=helm" : `owner=helm,name=${name}`;
  return server.list({ apiVersion: "v1", kind: "Secret", namespace }, { labelSelector }, signal);
}

function revisionOf({ metadata: { labels = {} } }: LiveObject): HelmRevision {
  return { release: labels.name ?? "", revision: Number(labels.version ?? 0), status: labels.status ?? "unknown" };
}
