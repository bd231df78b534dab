import type { StepContext } from "./context";

/** A Helm release, as its newest revision tells. */
export interface HelmReleaseState {
  readonly name: string;
  readonly revision: number;
  /** Helm's word: deployed, failed, pending-upgrade, ... */
  readonly status: string;
}

/** The releases of a namespace. Helm keeps a Secret for each revision, with name, version and status as labels. */
export async function helmReleases(
  server: Pick<StepContext["server"], "list">,
  namespace: string,
): Promise<HelmReleaseState[]> {
  const secrets = await server.list({ apiVersion: "v1", kind: "Secret", namespace }, { labelSelector: "owner=helm" });
  const newest = new Map<string, HelmReleaseState>();
  for (const { metadata } of secrets) {
    const { name = "", version = "0", status = "unknown" } = metadata.labels ?? {};
    const revision = Number(version);
    if (revision >= (newest.get(name)?.revision ?? 0)) newest.set(name, { name, revision, status });
  }
  return [...newest.values()];
}
