import { messageOf, ProgramErrors } from "../program/errors";
import type { Item, RunObserver } from "../../cli/engine/engine";
import type { Clusters } from "./clusters";
import { runScript } from "./commands";
import { RunnerError, StoppedError } from "./errors";
import { ranCommand } from "./make-command";
import { labelOfEntry } from "./naming";
import { deleteObject } from "./objects";
import type { Entry, StackRecord } from "./record";
import { teardownOrder, type Step } from "./teardown-order";
import type { Vault } from "./vault";

export interface TeardownOptions {
  readonly projectRoot: string;
  readonly record: StackRecord;
  readonly vault: Vault;
  readonly clusters: Clusters;
  readonly observer: RunObserver;
  readonly signal?: AbortSignal;
}

const deleteTimeoutMs = 5 * 60_000;
/** Deletions side by side. */
const atOnce = 8;

/**
 * Deletes what the entries refer to, each once everything that needs it is gone, and forgets each as it goes. One
 * failure keeps only what the failed one needs from being deleted.
 *
 * @throws the failures, when anything could not be deleted; those entries stay in the record.
 */
export async function tearDown(entries: readonly Entry[], options: TeardownOptions): Promise<void> {
  const lost = await lostProviders(entries, options);
  const steps = teardownOrder(entries);
  const turns = new Turns(atOnce);
  const failures: unknown[] = [];
  const gone = new Map<string, Promise<boolean>>();

  const take = async ({ entry, after }: Step): Promise<boolean> => {
    const before = await Promise.all(after.flatMap((urn) => gone.get(urn) ?? []));
    if (before.includes(false)) return false;
    return turns.run(async () => {
      if (options.signal?.aborted === true) return false;
      try {
        await deleteEntry(entry, lost, options);
        return true;
      } catch (error) {
        failures.push(error);
        return false;
      }
    });
  };
  for (const step of steps) gone.set(step.entry.urn, take(step));
  await Promise.all(gone.values());

  if (options.signal?.aborted === true) throw new StoppedError();
  if (failures.length > 1) throw new ProgramErrors(failures);
  if (failures.length === 1) throw failures[0];
}

async function deleteEntry(entry: Entry, lost: ReadonlySet<string>, options: TeardownOptions): Promise<void> {
  const { record, observer } = options;
  const { target } = entry;
  if (target.kind === "provider") return record.remove(entry.urn);
  const item: Item = { layer: entry.layer, label: labelOfEntry(entry) };
  const kept = keptBecause(entry);
  if (kept !== undefined) {
    observer.note(`${item.label} is kept: ${kept}.`);
    return record.remove(entry.urn);
  }
  if (entry.provider !== undefined && lost.has(entry.provider)) return record.remove(entry.urn);
  observer.started(item);
  try {
    if (entry.protect === true)
      throw new RunnerError("is protected; take `protect` off and deploy once, then delete it");
    await deleteTarget(entry, item, options);
    record.remove(entry.urn);
    observer.finished(item, "deleted");
  } catch (error) {
    const failure = options.signal?.aborted === true ? new StoppedError() : error;
    observer.failed(item, messageOf(failure));
    throw new RunnerError(`${item.label}: ${messageOf(failure)}`, { cause: failure });
  }
}

async function deleteTarget(entry: Entry, item: Item, options: TeardownOptions): Promise<void> {
  const { clusters, signal, observer, projectRoot, vault } = options;
  const { target } = entry;
  const onProgress = (text: string) => observer.progressed(item, text);
  if (target.kind === "object") {
    const { apiVersion, objectKind: kind, namespace, name } = target;
    const server = await clusters.server(entry.provider);
    await deleteObject(
      server,
      { apiVersion, kind, namespace, name },
      { timeoutMs: deleteTimeoutMs, signal, onProgress },
    );
  } else if (target.kind === "release") {
    const server = await clusters.server(entry.provider);
    const helm = await clusters.helm(entry.provider);
    await helm.uninstall(server, target, { cwd: projectRoot, signal, onProgress });
  } else if (target.kind === "command") {
    const last = ranCommand(entry, vault);
    if (last === undefined) {
      throw new RunnerError(
        "what deletes it cannot be read: the file `key` beside state.json is not the one it was sealed with",
      );
    }
    if (last.inputs.delete === undefined) return;
    await runScript(last.inputs.delete, last.inputs, {
      cwd: projectRoot,
      signal,
      previous: last.outputs,
      secretOutput: true,
      onLine: onProgress,
    });
  }
}

function keptBecause(entry: Entry): string | undefined {
  if (entry.retainOnDelete === true) return "retainOnDelete";
  return entry.target.kind === "object" && entry.target.foreign === true ? "it was there before this stack" : undefined;
}

/**
 * Providers whose cluster does not answer and goes away in this very teardown: what lives in it goes along. Where the
 * cluster stays, or may be only out of reach, nothing can be skipped.
 */
async function lostProviders(entries: readonly Entry[], options: TeardownOptions): Promise<Set<string>> {
  const deleted = new Set(entries.map(({ urn }) => urn));
  const inCluster = entries.filter(({ provider, target }) => provider !== undefined && target.kind !== "provider");
  const lost = new Set<string>();
  for (const provider of new Set(inCluster.map(({ provider }) => provider ?? ""))) {
    const inside = inCluster.filter((entry) => entry.provider === provider);
    if (await answers(provider, options)) continue;
    const staying = inside.find(({ deletedWith }) => deletedWith === undefined || !deleted.has(deletedWith));
    if (staying !== undefined) {
      throw new RunnerError(
        `${labelOfEntry(staying)} cannot be deleted: its cluster does not answer, and this stack does not delete the cluster. ` +
          "Make it reachable, then run this again.",
      );
    }
    options.observer.note(`The cluster does not answer; the ${inside.length} resources inside go with it.`);
    lost.add(provider);
  }
  return lost;
}

async function answers(provider: string, { clusters, signal }: TeardownOptions): Promise<boolean> {
  try {
    const server = await clusters.server(provider);
    // Asked twice, because one answer may be lost on a busy machine.
    return (await server.answers()) || (signal?.aborted !== true && (await server.answers()));
  } catch {
    return false;
  }
}

/** Lets at most so many run at once, the others in the order they came. */
class Turns {
  private readonly queue: (() => void)[] = [];

  constructor(private free: number) {}

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.queue.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.queue.shift();
      if (next === undefined) this.free += 1;
      else next();
    }
  }
}
