import type { ApiServer, LiveObject } from "./api-server";

/** Type of a Pulumi resource that is a Helm release. */
export const releaseType = "kubernetes:helm.sh/v3:Release";

export type HelmRevision = Readonly<ReturnType<typeof revisionOf>>;

/** The revisions in a namespace, of one release or of all, oldest first. Helm keeps each in a Secret. */
export async function helmRevisions(
  server: Pick<ApiServer, "list">,
  { namespace, name }: { readonly namespace: string; readonly name?: string },
  signal?: AbortSignal,
): Promise<HelmRevision[]> {
  const labelSelector = name === undefined ? "owner=helm" : `owner=helm,name=${name}`;
  const secrets = await server.list({ apiVersion: "v1", kind: "Secret", namespace }, { labelSelector }, signal);
  return secrets.map(revisionOf).sort((a, b) => a.revision - b.revision);
}

/** Whether Helm is making the revision, or was killed while it did: it then refuses to work on the release. */
export function isPending(status: string): boolean {
  return status.startsWith("pending-");
}

/**
 * Deletes Helm's records of revisions. The objects that they have created stay; the next installation or upgrade takes them
 * over, because they carry the release's name.
 */
export async function removeRevisions(
  server: Pick<ApiServer, "list" | "delete">,
  release: { readonly namespace: string; readonly name: string },
  which: (revision: HelmRevision) => boolean,
  signal?: AbortSignal,
): Promise<void> {
  for (const { revision } of (await helmRevisions(server, release, signal)).filter(which)) {
    const name = `sh.helm.release.v1.${release.name}.v${revision}`;
    await server.delete({ apiVersion: "v1", kind: "Secret", namespace: release.namespace, name }, signal);
  }
}

/**
 * Of its Secret. `status` is `deployed`, `superseded`, `failed`, `pending-install`, `pending-upgrade`, `uninstalling`, ...
 * Further labels are those of `helm upgrade --labels`.
 */
function revisionOf({ metadata: { labels = {} } }: LiveObject) {
  const { name = "", version = 0, status = "unknown" } = labels;
  return { release: name, revision: Number(version), status, labels };
}
