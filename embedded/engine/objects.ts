import { isDeepStrictEqual } from "node:util";
import type { ApiServer, ApplyObject, LiveObject } from "../../components/shared/kubernetes/api-server";
import { ApiError } from "../../components/shared/kubernetes/errors";
import { referenceOf } from "../../components/shared/kubernetes/object";
import { deleteAndWait, type ObjectWait, waitUntilReady } from "../../components/shared/kubernetes/readiness";
import { whenAvailable } from "../../components/shared/kubernetes/wait";
import { isTree } from "../../components/shared/merge";
import type { Change } from "../../cli/engine/engine";
import { UserError } from "../../components/shared/problem";
import { marks, stackMark, timestamp } from "./naming";
import { own } from "../../components/shared/own";

/**
 * Applies an object and waits until it is ready. An object whose changed field cannot be changed is deleted and created
 * again.
 */
export async function applyObject(
  server: ApiServer,
  object: ApplyObject,
  options: ObjectWait & { readonly stack: string; readonly layer: string },
): Promise<{ readonly live: LiveObject; readonly change: Exclude<Change, "deleted"> }> {
  const { signal, onProgress } = options;
  const retry = { signal, onProgress };
  const found = await whenAvailable(() => server.get(referenceOf(object), signal), retry);
  // An object that is being deleted accepts changes and is gone a moment later.
  const isLeaving = found?.metadata.deletionTimestamp !== undefined;
  if (isLeaving) await deleteAndWait(server, referenceOf(object), options);
  const before = isLeaving ? undefined : found;
  const marked = withMarks(object, before, options);

  const apply = () => whenAvailable(() => server.apply(marked, signal), retry);
  let replaced = false;
  const applied = await apply().catch(async (error: unknown) => {
    if (before === undefined || !isImmutable(error)) throw refusal(error);
    await deleteAndWait(server, referenceOf(object), options);
    replaced = true;
    return apply();
  });
  const live = await waitUntilReady(server, applied, options);
  if (before === undefined) return { live, change: "created" };
  if (replaced) return { live, change: "replaced" };
  return { live, change: changedFields(before, live).length === 0 ? "unchanged" : "updated" };
}

/**
 * The object with the marks of the engine, in its own metadata only: selectors and pod templates do not change. An object
 * that was not created by the engine, such as a namespace of Kubernetes, gets none, and so is never deleted.
 */
export function withMarks(
  object: ApplyObject,
  before: LiveObject | undefined,
  { stack, layer }: { readonly stack: string; readonly layer: string },
): ApplyObject {
  const { metadata } = object;
  const createdAt = before === undefined ? timestamp() : before.metadata.annotations?.[marks.createdAt];
  if (createdAt === undefined) return object;
  return {
    ...object,
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, [marks.stack]: stackMark(stack) },
      annotations: { ...metadata.annotations, [marks.layer]: layer, [marks.createdAt]: createdAt },
    },
  };
}

/** Paths of the fields in which two states of one object differ, without what the API server writes by itself. */
export function changedFields(before: LiveObject, after: LiveObject): string[] {
  return differences(contentOf(before), contentOf(after), []);
}

function differences(before: unknown, after: unknown, path: readonly string[]): string[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isTree(before) || !isTree(after)) return [path.join(".")];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys.flatMap((key) => differences(own(before, key), own(after, key), [...path, key]));
}

function contentOf(object: LiveObject): object {
  const written = ["resourceVersion", "managedFields", "generation"];
  const metadata = Object.entries(object.metadata).filter(([key]) => !written.includes(key));
  return { ...object, status: undefined, metadata: Object.fromEntries(metadata) };
}

function isImmutable(error: unknown): boolean {
  const immutable = /immutable|may not be (changed|updated)|Forbidden: updates to/;
  return error instanceof ApiError && error.status === 422 && immutable.test(error.message);
}

function refusal(error: unknown): unknown {
  if (!(error instanceof ApiError) || error.status >= 500) return error;
  return new UserError(`refused by the API server: ${error.message}`, { cause: error });
}
