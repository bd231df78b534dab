import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { removeDeadLocks } from "../../../cli/engine/pulumi-recovery";

describe("the lock that a Pulumi CLI leaves", () => {
  let locks: string;
  let lock: string;
  const children: ChildProcess[] = [];
  beforeEach(() => {
    locks = mkdtempSync(path.join(tmpdir(), "talos-mesh-locks-"));
    lock = path.join(locks, "organization", "talos-mesh", "dev", "1.json");
    mkdirSync(path.dirname(lock), { recursive: true });
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    rmSync(locks, { recursive: true });
  });

  const heldBy = (pid: number | undefined) => writeFileSync(lock, JSON.stringify({ pid, username: "me" }));
  /** A program of that name that waits. */
  const running = async (name: string) => {
    const program = path.join(locks, name);
    symlinkSync(process.execPath, program);
    const child = spawn(program, ["-e", "setInterval(() => undefined, 1000)"]);
    children.push(child);
    await once(child, "spawn");
    return child.pid;
  };

  it("is respected while that CLI runs", async () => {
    heldBy(await running("pulumi"));
    assert.throws(() => removeDeadLocks(locks, "dev"), /Process \d+, a Pulumi CLI, is working on this stack/);
    assert.ok(existsSync(lock));
    removeDeadLocks(locks, "other");
    assert.ok(existsSync(lock), "another stack's");
  });

  it("goes with a CLI that is gone, or whose number another program has now", async () => {
    heldBy(99_999_999);
    removeDeadLocks(locks, "dev");
    assert.ok(!existsSync(lock));
    heldBy(await running("something-else"));
    removeDeadLocks(locks, "dev");
    assert.ok(!existsSync(lock));
  });
});
