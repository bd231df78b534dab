import { ApiError, type ApiServer, type ObjectReference } from "../../components/shared/kubernetes/api-server";
import { messageOf } from "../program/errors";
import { RunnerError } from "./errors";
import { deleteObject, type ObjectOptions } from "./objects";

/** An object as Helm names it: without its group. */
export type HelmObject = Omit<ObjectReference, "apiVersion">;

/**
 * The objects that `helm uninstall` has deleted and given up waiting for; undefined where anything else went wrong. Its
 * record of the release is gone by then, so that to run it again would find nothing, and say that all is well.
 * Source: helm/helm, pkg/action/uninstall.go and pkg/kube/statuswait.go.
 */
export function givenUp(said: readonly string[]): HelmObject[] | undefined {
  const head = "Error: uninstallation completed with 1 error(s): ";
  const begin = said.findIndex((line) => line.startsWith(head));
  if (begin < 0) return undefined;
  const errors = said.slice(begin).map((line) => (line.startsWith(head) ? line.slice(head.length) : line));
  const objects: HelmObject[] = [];
  for (const error of errors) {
    const [, kind, namespace, name] = /^resource ([^/]+)\/([^/]*)\/(\S+) still exists\. status: /.exec(error) ?? [];
    if (kind !== undefined && name !== undefined) objects.push({ kind, name, ...(namespace && { namespace }) });
    else if (error !== "context deadline exceeded" && error !== "") return undefined;
  }
  return objects.length > 0 ? objects : undefined;
}

/** @throws RunnerError naming the object that is still there, what holds it, and what to do. */
export async function waitUntilGone(
  server: ApiServer,
  objects: readonly HelmObject[],
  options: ObjectOptions,
): Promise<void> {
  const { groups } = (await server.request("GET", "/apis", { signal: options.signal })) as {
    groups: { preferredVersion: { groupVersion: string } }[];
  };
  const apiVersions = ["v1", ...groups.map(({ preferredVersion }) => preferredVersion.groupVersion)];
  for (const object of objects) {
    const { kind, name, namespace } = object;
    const [where, label] = namespace ? [`-n ${namespace} `, `${namespace}/${name}`] : ["", name];
    for (const apiVersion of apiVersions) {
      const live = await server.get({ ...object, apiVersion }, options.signal).catch(notServed);
      // One that is not on its way out is new, and somebody else's.
      if (live?.metadata.deletionTimestamp === undefined) continue;
      await deleteObject(server, { ...object, apiVersion }, options).catch((error: unknown) => {
        if (!(error instanceof RunnerError)) throw error;
        throw new RunnerError(
          `Helm has uninstalled the release; ${kind} ${label} ${messageOf(error)}. ` +
            `See kubectl ${where}describe ${kind.toLowerCase()} ${name}; then run the same command again.`,
        );
      });
    }
  }
}

/** An aggregated API whose server is down has none of Helm's objects, and must not keep them from being looked for. */
function notServed(error: unknown): undefined {
  if (!(error instanceof ApiError && error.status === 503)) throw error;
}
