import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../problem";
import { isTemporary } from "./errors";

/** What a check returns while the condition does not hold: a noun phrase, as after "waiting:", `2 of 3 replicas ready`. */
export class Missing {
  constructor(readonly what: string) {}
}

export class WaitTimeout extends Error {
  override readonly name = "WaitTimeout";

  constructor(
    timeoutMs: number,
    /** What the last check found missing, or the message of the error it failed with. */
    readonly missing: string,
    options?: { readonly cause?: unknown },
  ) {
    super(`not within ${timeoutMs / 1000} s: ${missing}`, options);
  }
}

/** Waits for some milliseconds; rejects when the run is stopped. */
export type Sleep = (ms: number) => Promise<unknown>;

export interface WaitOptions<T = unknown> {
  readonly timeoutMs: number;
  /** Milliseconds between two checks. @default 2000 */
  readonly intervalMs?: number;
  /** The interval doubles after every check up to this. @default intervalMs */
  readonly maxIntervalMs?: number;
  readonly consecutive?: number;
  /** Whether a check that fails with this error is repeated; every other error ends the wait. @default isTemporary */
  readonly retries?: (error: unknown) => boolean;
  /** Gets what is missing, once for each change of it. */
  readonly onProgress?: (missing: string) => void;
  /** What to return, or to throw, when the time is over. @default throws the WaitTimeout */
  readonly onTimeout?: (timeout: WaitTimeout) => T | Promise<T>;
  /** @default a timer that `signal` ends */
  readonly sleep?: Sleep;
  readonly signal?: AbortSignal;
}

/**
 * Repeats a check until it returns something other than Missing. There is at least one check, and one at the end of the
 * time.
 */
export async function waitFor<T>(check: () => Promise<T | Missing>, options: WaitOptions<T>): Promise<T> {
  const { timeoutMs, intervalMs = 2000, maxIntervalMs = intervalMs, consecutive = 1, signal } = options;
  const { retries = isTemporary, onProgress, onTimeout = fail } = options;
  const sleep = options.sleep ?? ((ms) => delay(ms, undefined, { signal }));
  const start = Date.now();
  let slept = 0;
  let [last, cause]: [string, unknown] = ["another successful check", undefined];
  for (let interval = intervalMs, inARow = 0; ; interval = Math.min(interval * 2, maxIntervalMs)) {
    signal?.throwIfAborted();
    let found: T | Missing;
    try {
      [found, cause] = [await check(), undefined];
    } catch (error) {
      if (signal?.aborted === true || !retries(error)) throw error;
      [found, cause] = [new Missing(messageOf(error)), error];
    }
    if (found instanceof Missing) {
      inARow = 0;
      if (found.what !== last) onProgress?.(found.what);
      last = found.what;
    } else if (++inARow >= consecutive) return found;
    // The sleeps alone count where a test's clock makes them short.
    const left = timeoutMs - Math.max(slept, Date.now() - start);
    if (left <= 0) return onTimeout(new WaitTimeout(timeoutMs, last, { cause }));
    const pause = Math.min(interval, left);
    await sleep(pause);
    slept += pause;
  }
}

function fail(error: unknown): never {
  throw error;
}

/** Repeats a request while it fails with an error that may pass, for a minute unless `timeoutMs` is given. */
export async function whenAvailable<T>(
  attempt: () => Promise<T>,
  options: Omit<Partial<WaitOptions>, "consecutive" | "retries" | "onTimeout"> = {},
): Promise<T> {
  const defaults = { timeoutMs: 60_000, intervalMs: 200, maxIntervalMs: 3000 };
  return waitFor(attempt, { ...defaults, ...options, onTimeout: ({ cause }) => fail(cause) });
}
