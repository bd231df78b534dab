import assert from "node:assert/strict";
import type { FakeTalos, FakeWorld } from "../../support/talosctl/fake";
import { on, run, type Step, steps } from "./steps";
import { addresses, world } from "./worlds";

/** More than the calls of any step. */
const mostCalls = 60;

/**
 * Kills the step at its first call, runs it again and kills it at its second, and so on until a run succeeds. Each run
 * starts from what the killed ones left, so that the step is interrupted at every point.
 */
async function killedAtEachCall(talos: FakeTalos, step: Step, after: boolean): Promise<number> {
  for (let call = 1; call < mostCalls; call++) {
    talos.change({ ...talos.world, calls: 0, kill: { call, after } });
    const { code, stderr } = await run(talos, step);
    if (code === 0) return call - 1;
    assert.equal(code, null, `${step.name} failed at call ${call} instead of being killed: ${stderr}`);
  }
  return assert.fail(`${step.name} did not succeed in ${mostCalls} runs`);
}

interface Case {
  readonly step: Step;
  readonly world: FakeWorld;
  /** What has to hold when the step has succeeded. */
  readonly then?: (talos: FakeTalos) => void;
}

const booted = ({ nodes, kubernetes }: FakeWorld) => {
  kubernetes.up = false;
  Object.assign(nodes[addresses.controlPlane]!, { etcd: false, stage: "booting" });
};

const cases: Record<string, Case> = {
  "the machine secrets": { step: steps.machineSecrets, world: world("maintenance") },
  "a machine config": { step: steps.machineConfig, world: world("maintenance") },
  "the first config of a machine": {
    step: steps.applyControlPlane,
    world: world("maintenance"),
    then: (talos) => assert.equal(talos.node(addresses.controlPlane).stage, "booting"),
  },
  "a changed config": {
    step: steps.applyChange,
    world: world("running"),
    then: (talos) => assert.match(talos.node(addresses.worker1).config ?? "", /sysctls/),
  },
  "a change with its reboot": {
    step: { ...steps.applyReboot, env: { ...steps.applyReboot.env, TALOS_REBOOT: "when-needed" } },
    world: world("running"),
    then: (talos) => assert.match(talos.node(addresses.worker1).config ?? "", /needsReboot/),
  },
  "the bootstrap": {
    step: steps.bootstrap,
    world: world("running", booted),
    then: (talos) => assert.equal(talos.world.bootstraps, 1),
  },
  "approving certificates": { step: steps.approve, world: world("running") },
  "waiting for health": { step: steps.health, world: world("running") },
  "the kubeconfig": { step: steps.kubeconfig, world: world("running") },
  "the talosconfig": { step: steps.talosconfig, world: world("running") },
  "an upgrade of Talos": {
    step: steps.upgrade,
    world: world("running"),
    then: (talos) => {
      assert.deepEqual(talos.world.upgrades, ["controlplane v1.8.4"]);
      assert.equal(talos.node(addresses.controlPlane).etcd, true);
    },
  },
  "an upgrade of Kubernetes": {
    step: steps.upgradeKubernetes,
    world: world("running"),
    then: (talos) => assert.equal(new Set(talos.world.kubernetesUpgrades).size, 2),
  },
  "the removal of a node": {
    step: steps.members,
    world: world("running"),
    then: (talos) => assert.deepEqual(talos.world.kubernetes.nodes, ["controlplane", "worker-2"]),
  },
  "a reset": {
    step: steps.reset,
    world: world("running"),
    then: (talos) => assert.equal(talos.node(addresses.controlPlane).resets, 1),
  },
  "a diff": { step: steps.diff, world: world("running") },
  "a cluster in containers": {
    step: steps.dockerUp,
    world: world("maintenance"),
    then: (talos) => assert.equal(talos.world.containers?.workers, 2),
  },
};

describe("a step that is killed at every call", function () {
  this.timeout(180_000);

  for (const [name, { step, world: made, then }] of Object.entries(cases)) {
    for (const after of [false, true]) {
      it(`continues: ${name}, killed ${after ? "after" : "before"} the call's effect`, () =>
        on(made, async (talos) => {
          const kills = await killedAtEachCall(talos, step, after);
          assert.ok(kills >= 1, "it was never killed");
          then?.(talos);
          talos.change({ ...talos.world, kill: undefined });
          const again = await run(talos, step);
          assert.equal(again.code, 0, `a run after the last one fails: ${again.stderr}`);
          then?.(talos);
          assert.deepEqual(talos.left, [], "temporary folders of killed runs were left");
        }));
    }
  }
});
