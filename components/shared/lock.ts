import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { readIfExists } from "./files";
import { parseJson } from "./json";
import { asTree } from "./merge";
import { identify, isSameProcess, type ProcessIdentity } from "./process-identity";

interface LockOptions {
  readonly waitMs: number;
  /** What the other process is doing, for the message. */
  readonly purpose: string;
  readonly signal?: AbortSignal;
  /** Called once when the lock is held by another live process. */
  readonly onWait?: (owner: ProcessIdentity) => void;
}

/**
 * Runs `work` while no other process holds the lock file. The file names its owner, so the lock of a killed process is
 * taken over at once.
 */
export async function withLock<T>(file: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  mkdirSync(path.dirname(file), { recursive: true });
  const deadline = Date.now() + options.waitMs;
  const token = JSON.stringify({ ...identify(process.pid), nonce: randomBytes(8).toString("hex") });
  let announced = false;
  while (!tryLock(file, token)) {
    const owner = liveOwner(file);
    if (owner === undefined) continue;
    if (!announced) options.onWait?.(owner);
    announced = true;
    if (Date.now() > deadline) {
      throw new Error(
        `process ${owner.pid} has been ${options.purpose} for more than ${Math.round(options.waitMs / 1000)} s ` +
          `(it holds ${file}); wait for it, or end it and run this again`,
      );
    }
    await delay(100, undefined, { signal: options.signal });
  }
  try {
    return await work();
  } finally {
    if (readIfExists(file) === token) rmSync(file, { force: true });
  }
}

// Written under another name and linked into place, so that a lock file always has an owner in it.
function tryLock(file: string, token: string): boolean {
  const draft = `${file}.draft-${process.pid}`;
  writeFileSync(draft, token, { mode: 0o600 });
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** The live process that holds the lock. Changes nothing. */
export function lockOwner(file: string): ProcessIdentity | undefined {
  const owner = ownerIn(readIfExists(file) ?? "");
  return owner !== undefined && isSameProcess(owner) ? owner : undefined;
}

function liveOwner(file: string): ProcessIdentity | undefined {
  const token = readIfExists(file);
  if (token === undefined) return undefined;
  const owner = ownerIn(token);
  if (owner !== undefined && isSameProcess(owner)) return owner;
  // Of several waiting processes exactly one succeeds in renaming it. Where a new owner has locked it between reading and
  // renaming, its file is put back.
  const aside = `${file}.dead-${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return undefined;
  }
  const taken = readIfExists(aside);
  rmSync(aside, { force: true });
  if (taken !== undefined && taken !== token) tryLock(file, taken);
  return undefined;
}

function ownerIn(token: string): ProcessIdentity | undefined {
  const { pid, startedAt } = asTree(parseJson(token)) as Partial<ProcessIdentity>;
  return pid === undefined || startedAt === undefined ? undefined : { pid, startedAt };
}
