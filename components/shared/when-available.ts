import { setTimeout as delay } from "node:timers/promises";
import { ApiError, UnknownKindError } from "./api-server";

/** Milliseconds for which an API server, or a webhook of it, may be unable to answer. */
const patience = 60_000;

/** Repeats what failed because the API server, or a webhook it asks, is not up yet; every other failure is final. */
export async function whenAvailable<T>(
  attempt: () => Promise<T>,
  options: { readonly signal?: AbortSignal; readonly onRetry?: (why: string) => void; readonly forMs?: number } = {},
): Promise<T> {
  const deadline = Date.now() + (options.forMs ?? patience);
  for (let pause = 200; ; pause = Math.min(pause * 2, 3000)) {
    try {
      return await attempt();
    } catch (error) {
      if (!isPassing(error) || Date.now() + pause > deadline || options.signal?.aborted === true) throw error;
      options.onRetry?.((error as Error).message);
      await delay(pause, undefined, { signal: options.signal });
    }
  }
}

const passingCodes = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT"]);

function isPassing(error: unknown): boolean {
  if (error instanceof UnknownKindError) return true;
  if (error instanceof ApiError) {
    const { status, message } = error;
    // 409: somebody else wrote the object at the same moment.
    if ([409, 429, 502, 503, 504].includes(status)) return true;
    return status === 500 && /failed calling webhook|etcdserver|connection refused/.test(message);
  }
  return error instanceof Error && "code" in error && passingCodes.has(String(error.code));
}
