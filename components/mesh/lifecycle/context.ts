import type { ApiServer } from "../../shared/kubernetes/api-server";

/** What a step works with. */
export interface StepContext {
  readonly server: Pick<ApiServer, "get" | "list" | "apply" | "dryRun" | "delete">;
  /** Tells a person something. */
  readonly say: (line: string) => void;
  /** Milliseconds of a clock. */
  readonly now: () => number;
  /** Waits for some milliseconds. */
  readonly rest: (ms: number) => Promise<unknown>;
}

/** A step cannot go on: what is wrong, and what a person does next. */
export class StepError extends Error {
  constructor(what: string, next: string) {
    super(`${what}\nnext: ${next}`);
  }
}

/** Milliseconds between two looks at the cluster. */
const pause = 2000;

export interface Waiting {
  readonly seconds: number;
  /** How many looks in a row have to be good. @default 1 */
  readonly inARow?: number;
  /** What a person does where the time is over. */
  readonly next: string;
}

/**
 * Looks again and again until there is nothing left to wait for. A look that fails, as one at an API server that is
 * restarting, is one more to be repeated.
 *
 * @param look what is still missing, in words; undefined where nothing is
 * @throws StepError when the time is over, with what was missing last
 */
export async function waitFor(
  { now, rest, say }: StepContext,
  { seconds, inARow = 1, next }: Waiting,
  look: () => Promise<string | undefined>,
): Promise<void> {
  const end = now() + seconds * 1000;
  let told: string | undefined;
  for (let good = 0; ;) {
    const missing = await look().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
    good = missing === undefined ? good + 1 : 0;
    if (good >= inARow) return;
    if (missing !== undefined && missing !== told) {
      told = missing;
      say(`waiting: ${missing}`);
    }
    if (now() + pause > end) throw new StepError(`not within ${seconds} s: ${told ?? "one more answer"}`, next);
    await rest(pause);
  }
}
