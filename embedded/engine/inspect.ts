import type { Finding } from "../../cli/engine/engine";
import {
  ApiError,
  type ApiServer,
  type ApplyObject,
  type LiveObject,
} from "../../components/shared/kubernetes/api-server";
import { changedFields, ownedFields } from "./objects";
import type { ObjectTarget, ReleaseTarget } from "./record";
import { revisionsOf } from "./releases";

/** Something that should be in a cluster. */
export interface Expected {
  readonly layer: string;
  readonly label: string;
  readonly target: ObjectTarget | Pick<ReleaseTarget, "kind" | "name" | "namespace">;
  /** The object as it was deployed, where which fields are ours is not recorded. May hold secrets. */
  readonly deployed?: ApplyObject;
  /** Its making was begun and perhaps never done. */
  readonly unfinished?: boolean;
}

/** Compares what should be in a cluster with what is. Changes nothing. */
export function inspect(server: ApiServer, expected: readonly Expected[], signal?: AbortSignal): Promise<Finding[]> {
  return Promise.all(
    expected.map(async (each): Promise<Finding> => {
      const { layer, label, target, deployed, unfinished } = each;
      const known = { layer, label, kind: target.kind };
      if (unfinished === true) return { ...known, state: "not deployed" };
      return { ...known, ...(await (target.kind === "object" ? object(target, deployed) : release(target))) };
    }),
  );

  async function object(target: ObjectTarget, deployed?: ApplyObject): Promise<Pick<Finding, "state" | "detail">> {
    const { apiVersion, objectKind: kind, namespace, name } = target;
    const live = await server.get({ apiVersion, kind, namespace, name }, signal);
    if (live === undefined) return { state: "missing" };
    if (target.uid !== undefined && live.metadata.uid !== target.uid) {
      return { state: "changed", detail: "deleted and made anew by someone else" };
    }
    if (live.metadata.deletionTimestamp !== undefined) return { state: "changed", detail: "being deleted" };
    if (target.owned !== undefined && ownedFields(live) !== target.owned) {
      return { state: "changed", detail: "someone else has changed a field of ours" };
    }
    return deployed === undefined ? { state: "as deployed" } : fields(live, deployed);
  }

  /** The API server itself says whether applying it again would change anything: it knows defaults, units and lists. */
  async function fields(live: LiveObject, deployed: ApplyObject): Promise<Pick<Finding, "state" | "detail">> {
    try {
      const changed = changedFields(live, await server.applied(deployed, signal));
      return changed.length === 0 ? { state: "as deployed" } : { state: "changed", detail: changed.join(", ") };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // A field that cannot be set back makes the object invalid; anything else, such as a webhook that is down, says nothing of it.
      return { state: error.status === 422 ? "changed" : "not compared", detail: error.message };
    }
  }

  async function release(
    target: Pick<ReleaseTarget, "name" | "namespace">,
  ): Promise<Pick<Finding, "state" | "detail">> {
    const last = (await revisionsOf(server, target, signal)).at(-1);
    if (last === undefined) return { state: "missing" };
    return last.status === "deployed" ? { state: "as deployed" } : { state: "changed", detail: last.status };
  }
}
