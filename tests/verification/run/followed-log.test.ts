import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { ApiError } from "../../../components/shared/kubernetes/errors";
import { FollowedLog } from "../../../components/verification/run/followed-log";

/** A connection to the log: what was asked for, and how it goes on. */
interface Connection {
  readonly from: Readonly<Record<string, string>>;
  readonly write: (...lines: string[]) => void;
  readonly end: () => void;
  readonly fail: (error: Error) => void;
  readonly signal: AbortSignal;
}

describe("a log that is followed", () => {
  let connections: Connection[];
  let clock: number;
  let log: FollowedLog | undefined;
  beforeEach(() => {
    [connections, clock] = [[], 10_000];
  });
  afterEach(() => log?.stop());

  function follow(bytesAtMost?: number): FollowedLog {
    const context = {
      cluster: {
        followLog: (
          _pod: object,
          from: Readonly<Record<string, string>>,
          onLine: (line: string) => void,
          signal: AbortSignal,
        ) =>
          new Promise<void>((end, fail) => {
            const write = (...lines: string[]) => lines.forEach(onLine);
            connections.push({ from, write, end, fail, signal });
          }),
      },
      sleep: async (ms: number) => {
        clock += ms;
        await turn();
      },
      ...{ now: () => clock, marker: "run1-", bytesAtMost },
    };
    return (log = new FollowedLog(context, { namespace: "shop", name: "front-1" }, 6500));
  }
  const connection = (index: number): Connection => {
    const found = connections[index];
    assert.ok(found, `${connections.length} connections`);
    return found;
  };
  const at = (time: string, text: string) => `2026-11-30T10:00:${time}Z ${text}`;

  it("has the lines of its run, without the node's time, each once", () => {
    const followed = follow();
    connection(0).write(at("01.1", "GET /other"), at("01.2", "run1-0-1"), at("01.3", "run2-0-1"));
    assert.deepEqual(followed.take(), ["run1-0-1"]);
    connection(0).write(at("01.4", "run1-0-2"));
    assert.deepEqual(followed.take(), ["run1-0-2"]);
    assert.deepEqual(followed.take(), []);
  });

  it("begins before the first request, by the node's clock", () => {
    follow();
    assert.deepEqual(connection(0).from, { sinceSeconds: "6" });
  });

  it("goes on after a cut where it was, without losing or repeating a line", async () => {
    const followed = follow();
    connection(0).write(at("01.1", "run1-0-1"), at("01.2", "run1-0-2"), at("01.25", "GET /other"));
    connection(0).end();
    await turn();
    await turn();
    assert.deepEqual(connection(1).from, { sinceTime: "2026-11-30T10:00:01.25Z" });
    // The node takes whole seconds; a retry has the same line at another time.
    connection(1).write(
      at("01.1", "run1-0-1"),
      at("01.2", "run1-0-2"),
      at("01.25", "GET /other"),
      at("01.3", "run1-0-2"),
    );
    assert.deepEqual(followed.take(), ["run1-0-1", "run1-0-2", "run1-0-2"]);
  });

  it("that could not be opened is opened again from the beginning", async () => {
    follow();
    connection(0).write("failed to create fsnotify watcher: too many open files");
    connection(0).end();
    await turn();
    await turn();
    assert.deepEqual(connection(1).from, { sinceSeconds: "6" });
  });

  it("ends where it is too long, and says so", () => {
    const followed = follow(100);
    connection(0).write(at("01.1", "run1-0-1"));
    assert.deepEqual([followed.isCut, connection(0).signal.aborted], [false, false]);
    connection(0).write(at("01.2", "x".repeat(100)));
    assert.deepEqual([followed.isCut, connection(0).signal.aborted], [true, true]);
    assert.deepEqual(followed.take(), ["run1-0-1"]);
  });

  it("that may not be read is an error where its lines are taken", async () => {
    const followed = follow();
    connection(0).fail(new ApiError(403, "pods/log is forbidden"));
    await turn();
    assert.throws(() => followed.take(), /pods\/log is forbidden/);
  });
});
