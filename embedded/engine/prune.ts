import type { EngineRun, Item } from "../../cli/engine/engine";
import type { ApiServer, LiveObject, ObjectReference } from "../../components/shared/kubernetes/api-server";
import { ifFound } from "../../components/shared/kubernetes/errors";
import { referenceOf } from "../../components/shared/kubernetes/object";
import { deleteAndWait } from "../../components/shared/kubernetes/readiness";
import { whenAvailable } from "../../components/shared/kubernetes/wait";
import { messageOf, SeveralErrors, UserError } from "../../components/shared/problem";
import { runScript } from "./commands";
import { layerOf, marks, qualified, stackMark } from "./naming";
import type { CommandRecord, Records } from "./records";
import type { Helm, ReleaseName } from "./releases";

export type Owned = Item & {
  /** `objectKey`, `releaseKey`, or the URN of a command. */
  readonly key: string;
  readonly createdAt: string;
} & (
    | { readonly kind: "object"; readonly reference: ObjectReference }
    | { readonly kind: "release"; readonly release: ReleaseName }
    | { readonly kind: "command"; readonly record: CommandRecord }
  );

/** Does not depend on the version of the object's API. */
export function objectKey({ apiVersion, kind, namespace = "", name }: ObjectReference): string {
  const group = apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
  return [group, kind, namespace, name].join("/");
}

export function releaseKey({ namespace, name }: ReleaseName): string {
  return `release/${namespace}/${name}`;
}

export async function listOwned(
  server: ApiServer,
  stack: string,
  { content }: Records,
  signal?: AbortSignal,
): Promise<Owned[]> {
  const ownLabel = `${marks.stack}=${stackMark(stack)}`;
  // A kind whose CRD was deleted has no objects.
  const list = (kind: string, labelSelector: string) => {
    const [apiVersion = "", name = ""] = kind.split(" ");
    const attempt = () => ifFound(server.list({ apiVersion, kind: name }, { labelSelector }, signal), []);
    return whenAvailable(attempt, { signal });
  };
  const objects = await Promise.all(content.kinds.map((kind) => list(kind, ownLabel)));
  const releases = await list("v1 Secret", `owner=helm,${ownLabel}`);
  return [
    ...objects.flat().flatMap(ownedObject),
    ...releases.flatMap(ownedRelease),
    ...Object.entries(content.commands).map(([urn, record]): Owned => {
      const { label, createdAt } = record;
      return { kind: "command", key: urn, layer: layerOf(urn), label, createdAt, record };
    }),
  ];
}

/** Nothing for an object to which a controller has copied the label: it does not have the annotations. */
function ownedObject(live: LiveObject): Owned[] {
  const { [marks.createdAt]: createdAt, [marks.layer]: layer = "other" } = live.metadata.annotations ?? {};
  if (createdAt === undefined) return [];
  const reference = referenceOf(live);
  const label = `${live.kind} ${qualified(reference.namespace, reference.name)}`;
  return [{ kind: "object", key: objectKey(reference), layer, label, createdAt, reference }];
}

/** By the Secret of the release's newest revision; those of the others are superseded. */
function ownedRelease({ metadata: { namespace = "default", labels = {} } }: LiveObject): Owned[] {
  const { name = "", status, [marks.createdAt]: createdAt = "", [marks.layer]: layer = "other" } = labels;
  if (status === "superseded") return [];
  const release = { namespace, name };
  const label = `Release ${qualified(namespace, name)}`;
  return [{ kind: "release", key: releaseKey(release), layer, label, createdAt, release }];
}

interface PruneOptions extends Pick<EngineRun, "projectRoot" | "stack" | "observer" | "signal"> {
  readonly server: ApiServer;
  readonly records: Records;
  readonly helm: () => Promise<Helm>;
}

const deleteTimeoutMs = 5 * 60_000;

/**
 * Deletes what an earlier run has deployed and the program did not register in this one, in the reverse order of creation:
 * what was created later may need what was created before. So after a failure nothing older is deleted.
 */
export async function prune(registered: ReadonlySet<string>, options: PruneOptions): Promise<void> {
  const { server, stack, records, observer, signal } = options;
  const obsolete = (await listOwned(server, stack, records, signal)).filter(({ key }) => !registered.has(key));
  if (obsolete.length === 0) return;
  const shown = obsolete.slice(0, 10).map(({ label }) => label);
  if (obsolete.length > 10) shown.push(`${obsolete.length - 10} others`);
  observer.note(`No longer in the program, so deleted: ${shown.join(", ")}.`);
  for (const batch of batches(obsolete)) {
    const results = await Promise.allSettled(batch.map((owned) => deleteOwned(owned, options)));
    const failures = results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
    if (failures.length > 0) throw failures.length > 1 ? new SeveralErrors(failures) : failures[0];
  }
}

/** The latest first. Consecutive namespaced objects are one batch; everything else is a batch of its own. */
export function batches(obsolete: readonly Owned[]): Owned[][] {
  const isNamespaced = (owned: Owned) => owned.kind === "object" && owned.reference.namespace !== undefined;
  const found: Owned[][] = [];
  for (const owned of [...obsolete].sort((a, b) => b.createdAt.localeCompare(a.createdAt, "en"))) {
    const batch = found.at(-1);
    if (batch !== undefined && isNamespaced(owned) && batch.every(isNamespaced)) batch.push(owned);
    else found.push([owned]);
  }
  return found;
}

async function deleteOwned(owned: Owned, options: PruneOptions): Promise<void> {
  const { server, records, helm, observer, signal, projectRoot } = options;
  const onProgress = (text: string) => observer.progressed(owned, text);
  observer.started(owned);
  try {
    signal?.throwIfAborted();
    if (owned.kind === "object") {
      await deleteAndWait(server, owned.reference, { timeoutMs: deleteTimeoutMs, signal, onProgress });
    } else if (owned.kind === "release") {
      await (await helm()).uninstall(owned.release, { signal, onProgress });
    } else {
      const { deletion = {}, output: previous } = owned.record;
      const run = { cwd: projectRoot, signal, previous, secretOutput: true, onLine: onProgress };
      if (deletion.delete !== undefined) await runScript(deletion.delete, deletion, run);
      await records.change(({ commands }) => Reflect.deleteProperty(commands, owned.key));
    }
    observer.finished(owned, "deleted");
  } catch (error) {
    const reason = signal?.aborted === true ? stoppedMessage : messageOf(error);
    observer.failed(owned, reason);
    throw new UserError(`${owned.label}: ${reason}`, { cause: error });
  }
}

export const stoppedMessage = "stopped before it was done";
