import { ExecError } from "../../shared/kubernetes/errors";
import { conditionsOf, fullName, type LiveObject } from "../../shared/kubernetes/object";
import { Missing, type Sleep, waitFor } from "../../shared/kubernetes/wait";
import { ending } from "./client-objects";
import type { VerificationCluster } from "./cluster";

/** Milliseconds until what was deleted is gone: a namespace takes some seconds. */
const deletionTimeout = 60_000;

interface CleanUpContext {
  readonly cluster: VerificationCluster;
  readonly sleep: Sleep;
  readonly log: (line: string) => void;
}

/** Requests the deletion of everything of verifications, of this one or of earlier ones. */
export async function removeObjects(cluster: VerificationCluster): Promise<void> {
  const left = await cluster.leftovers();
  await Promise.all(left.filter((object) => !isBeingDeleted(object)).map((object) => cluster.remove(object)));
}

/** Ends the containers that wait in pods of workloads for requests of later runs. */
export async function endContainers(cluster: VerificationCluster): Promise<void> {
  const waiting = (await cluster.pods()).flatMap(({ namespace, name: pod, ephemeral }) =>
    ephemeral
      .filter(({ startedAt }) => startedAt !== undefined)
      .map(({ name: container }) => ({ namespace, pod, container })),
  );
  const end = (client: (typeof waiting)[number]) =>
    cluster.exec(client, ending, { seconds: 10 }).catch((error: unknown) => {
      if (!(error instanceof ExecError)) throw error;
    });
  await Promise.all(waiting.map(end));
}

/**
 * Removes what earlier runs have left, and waits until it is gone, a minute at most.
 *
 * @returns why it still exists, by `Kind namespace/name`
 */
export async function cleanUp({ cluster, sleep, log }: CleanUpContext): Promise<ReadonlyMap<string, string>> {
  await removeObjects(cluster);
  let left = new Map<string, string>();
  const check = async () => {
    const objects = await cluster.leftovers();
    left = new Map(objects.map((object) => [titleOf(object), whyItStays(object)]));
    return left.size === 0 || new Missing([...left].map(([title, why]) => `${title}: ${why}`).join("; "));
  };
  const onProgress = (missing: string) => log(`waiting until an earlier verification is removed: ${missing}`);
  const onTimeout = () => true as const;
  const often = { intervalMs: 500, maxIntervalMs: 2000 };
  await waitFor(check, { timeoutMs: deletionTimeout, ...often, sleep, onProgress, onTimeout });
  return left;
}

function isBeingDeleted({ metadata }: LiveObject): boolean {
  return metadata.deletionTimestamp !== undefined;
}

function titleOf(object: LiveObject): string {
  return `${object.kind} ${fullName(object)}`;
}

/** Of a namespace, what its controller says; of a pod, where it runs: a node that is gone ends none. */
function whyItStays(object: LiveObject): string {
  const { metadata, spec = {} } = object;
  const held = metadata.finalizers?.length ? [`it has the finalizers ${metadata.finalizers.join(", ")}`] : [];
  const said = conditionsOf(object).flatMap(({ type, status, message }) =>
    /^Namespace/.test(type) && status === "True" && message ? [message] : [],
  );
  const node = object.kind === "Pod" && typeof spec.nodeName === "string" ? [`it is on node ${spec.nodeName}`] : [];
  return [...said, ...held, ...node].join("; ") || "it is being deleted";
}
