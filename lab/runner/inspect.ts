import type { ApiServer } from "../../components/shared/api-server";
import { ownedFields } from "./objects";
import type { ObjectTarget, ReleaseTarget } from "./record";
import { revisionsOf } from "./releases";

/** Something that should be in a cluster. */
export interface Expected {
  readonly layer: string;
  readonly label: string;
  readonly target: ObjectTarget | Pick<ReleaseTarget, "kind" | "name" | "namespace">;
  /** Its making was begun and perhaps never done. */
  readonly unfinished?: boolean;
}

export interface Finding extends Expected {
  readonly state: "as recorded" | "missing" | "changed" | "unfinished";
  readonly detail?: string;
}

/** Compares what should be in a cluster with what is. Changes nothing. */
export function inspect(server: ApiServer, expected: readonly Expected[], signal?: AbortSignal): Promise<Finding[]> {
  return Promise.all(
    expected.map(async (each): Promise<Finding> => {
      if (each.unfinished === true) return { ...each, state: "unfinished" };
      const { target } = each;
      return { ...each, ...(await (target.kind === "object" ? object(target) : release(target))) };
    }),
  );

  async function object(target: ObjectTarget): Promise<Pick<Finding, "state" | "detail">> {
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
    return { state: "as recorded" };
  }

  async function release(
    target: Pick<ReleaseTarget, "name" | "namespace">,
  ): Promise<Pick<Finding, "state" | "detail">> {
    const last = (await revisionsOf(server, target, signal)).at(-1);
    if (last === undefined) return { state: "missing" };
    return last.status === "deployed" ? { state: "as recorded" } : { state: "changed", detail: last.status };
  }
}
