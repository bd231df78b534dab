import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Change } from "../../cli/engine/engine";
import {
  ApiError,
  fieldManager,
  type ApiServer,
  type ApplyObject,
  type LiveObject,
  type ObjectReference,
} from "../../components/shared/kubernetes/api-server";
import { isTree } from "../../components/shared/merge";
import { whenAvailable } from "../../components/shared/kubernetes/wait";
import { RunnerError } from "./errors";
import { endpointReadiness, loadBalancerReadiness, readinessOf, servesPods, type Readiness } from "./readiness";
import { stableJson } from "./stable-json";

export interface ObjectOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Told what is being waited for. */
  readonly onProgress?: (text: string) => void;
}

export interface AppliedObject {
  readonly live: LiveObject;
  readonly change: Exclude<Change, "deleted">;
}

/**
 * Brings an object to what is given and waits until it is ready. An object whose changed field cannot be changed is
 * deleted and made anew, unless it is protected.
 *
 * @throws RunnerError naming what the API server refused, or what was waited for and the last events.
 */
export async function applyObject(
  server: ApiServer,
  object: ApplyObject,
  options: ObjectOptions & {
    readonly protect?: boolean;
    /** Called once, before anything is changed; `foreign`: an object is there and is not ours. */
    readonly beforeChange?: (foreign: boolean) => void;
  },
): Promise<AppliedObject> {
  const reference = referenceOf(object);
  const patience = { signal: options.signal, onProgress: options.onProgress };
  const found = await whenAvailable(async () => {
    // A kind that is unknown because its CRD is only just there must not pass for an object that is missing.
    await server.isNamespaced(reference);
    return server.get(reference, options.signal);
  }, patience);
  // One that is on its way out takes changes and goes all the same: an earlier destroy was cut short.
  const leaving = found?.metadata.deletionTimestamp !== undefined;
  if (leaving) await deleteObject(server, reference, options);
  const before = leaving ? undefined : found;
  options.beforeChange?.(before !== undefined && !isOurs(before));

  let replaced = false;
  let live: LiveObject;
  try {
    live = await whenAvailable(() => server.apply(object, options.signal), patience);
  } catch (error) {
    if (before === undefined || !refusesChange(error)) throw refused(error);
    if (options.protect === true) throw new RunnerError(`${(error as Error).message} (it is protected)`);
    await deleteObject(server, reference, options);
    live = await whenAvailable(() => server.apply(object, options.signal), patience);
    replaced = true;
  }
  await waitUntilReady(server, live, options);
  const unchanged = before !== undefined && changedFields(before, live).length === 0;
  const change = replaced ? "replaced" : before === undefined ? "created" : unchanged ? "unchanged" : "updated";
  return { live, change };
}

/** Deletes an object and all that it owns, and waits until it is gone. False when there was none. */
export async function deleteObject(
  server: ApiServer,
  reference: ObjectReference,
  options: ObjectOptions,
): Promise<boolean> {
  const deadline = Date.now() + options.timeoutMs;
  const patience = { signal: options.signal, onProgress: options.onProgress };
  const before = await whenAvailable(() => server.get(reference, options.signal), patience);
  if (before === undefined) return false;
  await whenAvailable(() => server.delete(reference, options.signal), patience);
  for (let pause = 50; ; pause = Math.min(pause * 2, 1000)) {
    const live = await whenAvailable(() => server.get(reference, options.signal), patience);
    // Another uid: somebody has already made a new one, which is not ours to delete.
    if (live === undefined || live.metadata.uid !== before.metadata.uid) return true;
    if (Date.now() > deadline) {
      const held = (live.metadata as { finalizers?: readonly string[] }).finalizers ?? [];
      const why = held.length > 0 ? `; it is held by the finalizers ${held.join(", ")}` : "";
      throw new RunnerError(`is still there ${options.timeoutMs / 1000} s after its deletion${why}`);
    }
    options.onProgress?.("waiting until it is gone");
    await delay(pause, undefined, { signal: options.signal });
  }
}

/** A hash of which fields are ours: another manager that writes one of them takes it out of this set. */
export function ownedFields(live: LiveObject): string | undefined {
  const ours = live.metadata.managedFields?.find(isOurApply);
  return ours && createHash("sha256").update(stableJson(ours.fieldsV1)).digest("hex").slice(0, 16);
}

/** Paths of the fields in which two states of one object differ, but for what the API server writes by itself. */
export function changedFields(before: LiveObject, after: LiveObject): string[] {
  return differing(contentOf(before), contentOf(after), []);
}

function differing(before: unknown, after: unknown, path: readonly string[]): string[] {
  if (stableJson(before) === stableJson(after)) return [];
  if (!isTree(before) || !isTree(after)) return [path.join(".")];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys.flatMap((key) => differing(before[key], after[key], [...path, key]));
}

function referenceOf(object: ApplyObject | LiveObject): ObjectReference {
  const { apiVersion, kind, metadata } = object;
  return { apiVersion, kind, name: metadata.name, ...(metadata.namespace && { namespace: metadata.namespace }) };
}

async function waitUntilReady(server: ApiServer, applied: LiveObject, options: ObjectOptions): Promise<void> {
  const deadline = Date.now() + options.timeoutMs;
  let live: LiveObject | undefined = applied;
  for (let pause = 50; ; pause = Math.min(pause * 2, 1000)) {
    if (live === undefined) throw new RunnerError("was deleted by someone else while it was being waited for");
    const readiness = await fullReadiness(server, live, options.signal);
    if (readiness.state === "ready") return;
    const late = Date.now() > deadline;
    if (late || readiness.state === "failed") {
      const what =
        readiness.state === "failed"
          ? readiness.why
          : `is not ready after ${options.timeoutMs / 1000} s: waiting for ${readiness.for}`;
      throw new RunnerError([what, ...(await explain(server, live))].join("\n"));
    }
    options.onProgress?.(`waiting for ${readiness.for}`);
    await delay(pause, undefined, { signal: options.signal });
    const reference = referenceOf(live);
    live = await whenAvailable(() => server.get(reference, options.signal), { signal: options.signal });
  }
}

async function fullReadiness(server: ApiServer, live: LiveObject, signal?: AbortSignal): Promise<Readiness> {
  if (live.apiVersion !== "v1" || live.kind !== "Service" || !servesPods(live)) return readinessOf(live);
  const balanced = loadBalancerReadiness(live);
  if (balanced.state !== "ready") return balanced;
  const slices = await whenAvailable(
    () =>
      server.list(
        { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", namespace: live.metadata.namespace },
        { labelSelector: `kubernetes.io/service-name=${live.metadata.name}` },
        signal,
      ),
    { signal },
  );
  return endpointReadiness(slices);
}

/** The object's conditions that do not hold, and its last events, one a line. */
async function explain(server: ApiServer, live: LiveObject): Promise<string[]> {
  const conditions = ((live.status?.conditions ?? []) as { type: string; status: string; message?: string }[])
    .filter((each) => each.status !== "True")
    .map((each) => `condition ${each.type}=${each.status}: ${each.message ?? ""}`);
  const { namespace = "default", uid } = live.metadata;
  const events = await server
    .list({ apiVersion: "v1", kind: "Event", namespace }, { fieldSelector: `involvedObject.uid=${uid}` })
    .catch(() => []);
  const told = (events as unknown as { reason?: string; message?: string }[])
    .slice(-3)
    .map((event) => `event ${event.reason ?? ""}: ${event.message ?? ""}`);
  return [...conditions, ...told];
}

/** An object without what controllers and the API server write in it by themselves. */
function contentOf(object: LiveObject): object {
  const bookkeeping = ["resourceVersion", "managedFields", "generation"];
  const metadata = Object.entries(object.metadata).filter(([key]) => !bookkeeping.includes(key));
  return { ...object, status: undefined, metadata: Object.fromEntries(metadata) };
}

function refusesChange(error: unknown): boolean {
  return (
    error instanceof ApiError &&
    error.status === 422 &&
    /immutable|may not be (changed|updated)|Forbidden: updates to/.test(error.message)
  );
}

function refused(error: unknown): unknown {
  if (!(error instanceof ApiError) || error.status >= 500) return error;
  return new RunnerError(`refused by the API server: ${error.message}`);
}

function isOurApply(fields: { manager?: string; operation?: string }): boolean {
  return fields.manager === fieldManager && fields.operation === "Apply";
}

function isOurs(live: LiveObject): boolean {
  return live.metadata.managedFields?.some(isOurApply) === true;
}
