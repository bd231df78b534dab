import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { withLock } from "../../components/shared/lock";
import { identify, isSameProcess, listProcesses } from "../../components/shared/process-identity";
import { Sandbox } from "../embedded/tools/sandbox";

describe("the lock between processes", () => {
  let sandbox: Sandbox;
  let file: string;
  const options = { waitMs: 5_000, purpose: "testing" };
  beforeEach(() => {
    sandbox = new Sandbox();
    file = path.join(sandbox.folder, "lock");
  });
  afterEach(() => sandbox.remove());

  it("lets one piece of work run after the other and is gone afterwards", async () => {
    const steps: string[] = [];
    const work = (name: string) =>
      withLock(file, options, async () => {
        steps.push(`${name} begins`);
        await Promise.resolve();
        assert.ok(existsSync(file));
        steps.push(`${name} ends`);
      });
    await Promise.all([work("a"), work("b")]);
    const first = steps[0]?.[0] ?? "";
    const second = first === "a" ? "b" : "a";
    assert.deepEqual(steps, [`${first} begins`, `${first} ends`, `${second} begins`, `${second} ends`]);
    assert.equal(existsSync(file), false);
  });

  it("is taken over at once from a process that was killed", async () => {
    const owner = spawn("sleep", ["600"]);
    await once(owner, "spawn");
    writeFileSync(file, JSON.stringify(identify(owner.pid ?? 0)));
    owner.kill("SIGKILL");
    await once(owner, "close");
    const started = Date.now();
    await withLock(file, options, () => Promise.resolve());
    assert.ok(Date.now() - started < 1_000);
  });

  it("is taken over when another process has the dead owner's number", async () => {
    writeFileSync(file, JSON.stringify({ pid: process.pid, startedAt: "before the reboot" }));
    assert.equal(await withLock(file, options, () => Promise.resolve("done")), "done");
  });

  it("is taken over when its file is not readable as a lock", async () => {
    writeFileSync(file, "");
    assert.equal(await withLock(file, options, () => Promise.resolve("done")), "done");
  });

  it("names the live process that still holds it after the wait", async () => {
    const owner = identify(process.pid);
    writeFileSync(file, JSON.stringify(owner));
    const waited: number[] = [];
    const attempt = withLock(file, { ...options, waitMs: 0, onWait: ({ pid }) => waited.push(pid) }, () =>
      Promise.resolve(),
    );
    await assert.rejects(attempt, new RegExp(`process ${process.pid} has been testing`));
    assert.deepEqual(waited, [process.pid]);
    assert.equal(readFileSync(file, "utf8"), JSON.stringify(owner));
  });

  it("is released when the work fails", async () => {
    await assert.rejects(
      withLock(file, options, () => Promise.reject(new Error("no luck"))),
      /no luck/,
    );
    assert.equal(existsSync(file), false);
  });
});

describe("the identity of a process", () => {
  it("holds while it lives and not afterwards", async () => {
    const child = spawn("sleep", ["600"]);
    await once(child, "spawn");
    const identity = identify(child.pid ?? 0);
    assert.ok(identity !== undefined && isSameProcess(identity));
    assert.ok(listProcesses().some(({ pid, command }) => pid === child.pid && command === "sleep 600"));
    child.kill("SIGKILL");
    await once(child, "close");
    assert.equal(isSameProcess(identity), false);
  });
});
