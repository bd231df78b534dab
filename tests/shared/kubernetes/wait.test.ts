import assert from "node:assert/strict";
import { ApiError, UnknownKindError } from "../../../components/shared/kubernetes/errors";
import { Missing, waitFor, WaitTimeout, whenAvailable } from "../../../components/shared/kubernetes/wait";

describe("a wait", () => {
  let slept: number[];
  const sleep = (ms: number) => Promise.resolve(slept.push(ms));
  beforeEach(() => (slept = []));

  /** Returns or throws one after the other, the last one for ever. */
  const results = (...all: unknown[]) => {
    const left = [...all];
    return () => {
      const next = left.length > 1 ? left.shift() : left[0];
      return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
    };
  };

  it("returns what the first successful check returns, and reports each change of what is missing", async () => {
    const reported: string[] = [];
    const check = results(new Missing("a"), new Missing("a"), new Missing("b"), 42);
    const options = { timeoutMs: 60_000, sleep, onProgress: (what: string) => reported.push(what) };
    assert.equal(await waitFor(check, options), 42);
    assert.deepEqual(
      [reported, slept],
      [
        ["a", "b"],
        [2000, 2000, 2000],
      ],
    );
  });

  it("ends with what was missing last, after a check at the end of the time", async () => {
    let checks = 0;
    const check = () => Promise.resolve(new Missing(`reason ${++checks}`));
    await assert.rejects(waitFor(check, { timeoutMs: 5000, sleep }), (error: unknown) => {
      assert.ok(error instanceof WaitTimeout);
      assert.deepEqual([error.message, error.missing], ["not within 5 s: reason 4", "reason 4"]);
      return true;
    });
    assert.deepEqual(slept, [2000, 2000, 1000]);
  });

  it("counts the time that checks take", async () => {
    const now = Date.now;
    let time = 0;
    Date.now = () => time;
    try {
      const check = () => Promise.resolve(new Missing(String((time += 4000))));
      await assert.rejects(waitFor(check, { timeoutMs: 10_000, sleep }), WaitTimeout);
      assert.deepEqual(slept, [2000, 2000]);
    } finally {
      Date.now = now;
    }
  });

  it("doubles the interval up to its maximum", async () => {
    const check = results(new Missing("a"), new Missing("a"), new Missing("a"), new Missing("a"), true);
    await waitFor(check, { timeoutMs: 60_000, intervalMs: 50, maxIntervalMs: 150, sleep });
    assert.deepEqual(slept, [50, 100, 150, 150]);
  });

  it("wants several successful checks in a row where that is requested", async () => {
    const check = results(1, new Missing("a"), 2, 3);
    assert.equal(await waitFor(check, { timeoutMs: 60_000, consecutive: 2, sleep }), 3);
  });

  it("repeats a check whose error may pass, and ends at every other one", async () => {
    const passing = [new ApiError(503, "starting"), new UnknownKindError("no kind"), new ApiError(409, "conflict")];
    assert.equal(await waitFor(results(...passing, 1), { timeoutMs: 60_000, sleep }), 1);
    const forbidden = new ApiError(403, "forbidden");
    await assert.rejects(waitFor(results(forbidden, 1), { timeoutMs: 60_000, sleep }), forbidden);
    const options = { timeoutMs: 60_000, sleep, retries: () => true };
    assert.equal(await waitFor(results(forbidden, new Error("any"), 1), options), 1);
  });

  it("ends with the signal's reason", async () => {
    const stop = new AbortController();
    const waiting = waitFor(results(new Missing("a")), { timeoutMs: 60_000, signal: stop.signal });
    stop.abort(new Error("stopped"));
    await assert.rejects(waiting, (error: Error) => error.name === "AbortError" || error.message === "stopped");
  });

  it("for an API server rejects with the last error of the request", async () => {
    const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    await assert.rejects(
      whenAvailable(() => Promise.reject(refused), { timeoutMs: 1000, sleep }),
      refused,
    );
    assert.equal(slept[0], 200);
  });
});
