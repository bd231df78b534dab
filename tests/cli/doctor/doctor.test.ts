import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { report } from "../../../cli/commands/doctor";
import { type Check, examine, exitCode, failure, NothingToCheck, ok, warning } from "../../../cli/doctor/doctor";
import { lines, context } from "./contexts";

describe("the doctor", () => {
  const check = (subject: string, run: Check["run"], limit = 10): Check => ({ subject, where: "there", limit, run });

  it("reports in the order of the checks what each has found, and what failed as not known", async () => {
    const checks = [
      check("slow", async () => (await delay(30), [ok("a", "fine")])),
      check("broken", () => Promise.reject(new Error("no route\nto host"))),
      check("empty", () => Promise.reject(new NothingToCheck())),
      check("bad", () => Promise.resolve([failure("b", "broken", "repair it"), warning("c", "old", "renew it")])),
    ];
    const findings = await examine(context(), checks);
    assert.deepEqual(lines(findings), [
      "ok: a: fine",
      "not known: there: no route\nto host",
      "error: b: broken",
      "warning: c: old",
    ]);
    assert.deepEqual(
      findings.map(({ subject }) => subject),
      ["slow", "broken", "bad", "bad"],
    );
  });

  it("ends a check at its limit, stops what it does, and reports the others", async () => {
    let stopped = false;
    const hanging = check(
      "hanging",
      (_, signal) =>
        new Promise(() => {
          signal.addEventListener("abort", () => (stopped = true));
        }),
      0.05,
    );
    const findings = await examine(context(), [hanging, check("other", () => Promise.resolve([ok("a", "fine")]))]);
    assert.deepEqual(lines(findings), ["not known: there: it took more than 0.05 s", "ok: a: fine"]);
    assert.ok(stopped);
  });

  it("runs all checks at the same time", async () => {
    let running = 0;
    let most = 0;
    const one = check("one", async () => {
      most = Math.max(most, ++running);
      await delay(20);
      running--;
      return [];
    });
    await examine(context(), [one, one, one]);
    assert.equal(most, 3);
  });

  it("fails for errors only", () => {
    const subject = "x";
    assert.equal(
      exitCode([
        { subject, ...ok("a", "") },
        { subject, ...warning("a", "", "") },
      ]),
      0,
    );
    assert.equal(exitCode([{ subject, level: "not known", where: "", message: "" }]), 0);
    assert.equal(
      exitCode([
        { subject, ...warning("a", "", "") },
        { subject, ...failure("a", "", "") },
      ]),
      1,
    );
  });

  it("prints what to do below each finding, and counts them", () => {
    const printed: string[] = [];
    const terminal = {
      lines: (...texts: string[]) => printed.push(...texts),
      paint: (_: string, text: string) => text,
    };
    const findings = [
      { subject: "tools", ...ok("here", "all") },
      { subject: "x", ...failure("node cp-1", "one\ntwo", "do") },
    ];
    report(findings, terminal);
    assert.deepEqual(printed, [
      "✓ tools  here       all",
      "✗ x      node cp-1  one",
      "    two",
      "    -> do",
      "",
      "1 error, 0 warnings, 0 not known, 1 fine.",
    ]);
  });
});
