import type { Sleep } from "../../shared/kubernetes/wait";
import type { VerificationCluster } from "./cluster";

/** Bytes that are read of one log while requests are sent: a busy gateway writes as many in half a minute. */
const bytesAtMost = 64 * 1024 * 1024;
/** Milliseconds until a log that has ended is read on: its proxy restarts, or the connection was cut. */
const reopenInterval = 500;

export interface FollowedLogContext {
  readonly cluster: Pick<VerificationCluster, "followLog">;
  readonly sleep: Sleep;
  /** Milliseconds. */
  readonly now: () => number;
  /** Only lines with this are kept. */
  readonly marker: string;
  /** @default 64 MiB */
  readonly bytesAtMost?: number;
}

/**
 * The log of a proxy from some time on. It is followed, and not read again and again: a node serves the newest file only, so
 * that lines are lost between two readings when it begins a new one, and the lines of everyone else are read once.
 */
export class FollowedLog {
  private readonly stopping = new AbortController();
  /** With the node's time, so that no two are equal. */
  private readonly kept = new Set<string>();
  private next: string[] = [];
  private newest: string | undefined;
  private bytes = 0;
  private failure: unknown;
  /** Whether it has more lines than are read. */
  isCut = false;

  /** @param since milliseconds, by the same clock */
  constructor(
    private readonly context: FollowedLogContext,
    readonly pod: { readonly namespace: string; readonly name: string },
    since: number,
  ) {
    this.follow(since).catch((error: unknown) => (this.failure = error));
  }

  /** The lines that have come since the last call. @throws where the login may not read the log */
  take(): string[] {
    if (this.failure !== undefined) throw this.failure as Error;
    const lines = this.next;
    this.next = [];
    return lines;
  }

  stop(): void {
    this.stopping.abort();
  }

  private async follow(since: number): Promise<void> {
    const { cluster, now, sleep } = this.context;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      // By the node's clock: two seconds more than have gone by here, because it takes whole ones. After that, from the newest
      // line on, whose second comes again.
      const seconds = Math.max(0, Math.ceil((now() - since) / 1000)) + 2;
      const from: Readonly<Record<string, string>> =
        this.newest === undefined ? { sinceSeconds: String(seconds) } : { sinceTime: this.newest };
      await cluster.followLog(this.pod, from, (line) => this.add(line), signal);
      if (!signal.aborted) await sleep(reopenInterval);
    }
  }

  private add(line: string): void {
    this.bytes += line.length + 1;
    // The node's own messages have no time.
    const [start = "", time] = /^(\d{4}-\S+) /.exec(line) ?? [];
    this.newest = time ?? this.newest;
    if (line.includes(this.context.marker) && !this.kept.has(line)) {
      this.kept.add(line);
      this.next.push(line.slice(start.length));
    }
    if (this.bytes < (this.context.bytesAtMost ?? bytesAtMost)) return;
    this.isCut = true;
    this.stop();
  }
}
