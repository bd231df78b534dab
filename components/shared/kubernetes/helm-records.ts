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
