import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { wipedAt } from "../../../components/cluster/talos/steps";
import { on, run, steps, succeed } from "./steps";
import { addresses, world } from "./worlds";

describe("the note that a node has lost its config", function () {
  this.timeout(60_000);
  const lost = () =>
    world("running", ({ nodes }) => {
      Object.assign(nodes[addresses.worker1]!, { stage: "maintenance", cluster: undefined, config: undefined });
    });

  it("of a step is an input of the node's next apply, and stays the same", () =>
    on(lost(), async (talos) => {
      assert.deepEqual(wipedAt(talos.folder, addresses.worker1), {});
      await run(talos, steps.health);
      const noted = wipedAt(talos.folder, addresses.worker1);
      assert.match(noted.TALOS_WIPED ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      await succeed(talos, steps.applyWorker, { ...noted });
      assert.deepEqual(wipedAt(talos.folder, addresses.worker1), noted);
      assert.deepEqual(wipedAt(talos.folder, addresses.controlPlane), {});
    }));

  it("is written by a preview that compares the configs", () =>
    on(lost(), async (talos) => {
      assert.deepEqual(await succeed(talos, steps.drift), { result: "wiped" });
      assert.ok(wipedAt(talos.folder, addresses.worker1).TALOS_WIPED);
    }));

  it("may be of an IPv6 address", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-wiped-"));
    try {
      mkdirSync(path.join(folder, ".talos-mesh/wiped"), { recursive: true });
      writeFileSync(path.join(folder, ".talos-mesh/wiped/2001:db8::1"), "2026-01-01T00:00:00Z\n");
      assert.deepEqual(wipedAt(folder, "2001:db8::1"), { TALOS_WIPED: "2026-01-01T00:00:00Z" });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
