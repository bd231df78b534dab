import assert from "node:assert/strict";
import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import type { FakeTalos } from "../../support/talosctl/fake";
import { on, refuse, run, steps, succeed } from "./steps";
import { addresses, machineConfig, world } from "./worlds";

const snapshots = (talos: FakeTalos) => {
  const folder = path.join(talos.folder, "snapshots");
  return existsSync(folder) ? readdirSync(folder) : [];
};

describe("upgrading Talos", function () {
  this.timeout(120_000);

  it("upgrades a node once, after saving etcd, and keeps its data", () =>
    on(world("running"), async (talos) => {
      assert.deepEqual(await succeed(talos, steps.upgrade), { result: "upgraded", from: "v1.7.4", to: "v1.8.4" });
      assert.deepEqual(talos.world.upgrades, ["controlplane v1.8.4"]);
      const node = talos.node(addresses.controlPlane);
      assert.deepEqual([node.version, node.etcd, node.stage], ["v1.8.4", true, "running"]);
      const [saved, ...others] = snapshots(talos);
      assert.match(saved ?? "", /^istio-cluster-controlplane-before-v1\.8\.4-\d{8}T\d{6}Z\.db$/);
      assert.equal(others.length, 0);
      assert.equal(statSync(path.join(talos.folder, "snapshots", saved ?? "")).mode & 0o077, 0);
      assert.deepEqual(await succeed(talos, steps.upgrade), { result: "unchanged", version: "v1.8.4" });
      assert.equal(talos.world.upgrades?.length, 1);
    }));

  it("installs the same version again where only the schematic differs", () =>
    on(
      world("running", ({ nodes }) => {
        Object.assign(nodes[addresses.controlPlane]!, { version: "v1.8.4", schematic: "0".repeat(64) });
      }),
      async (talos) => {
        assert.equal((await succeed(talos, steps.upgrade)).result, "upgraded");
        assert.equal(talos.node(addresses.controlPlane).schematic, steps.upgrade.env.TALOS_SCHEMATIC);
      },
    ));

  it("refuses to skip a minor release, and to downgrade", () =>
    on(world("running"), async (talos) => {
      const skipping = await refuse(talos, steps.upgrade, { TALOS_VERSION: "v1.9.5" });
      assert.match(skipping, /more than one minor release[\s\S]*newest v1\.8 release \(https/);
      assert.match(
        await refuse(talos, steps.upgrade, { TALOS_VERSION: "v1.6.9" }),
        /an older minor release than v1\.7\.4/,
      );
      assert.equal(talos.world.upgrades, undefined);
    }));

  it("leaves a node alone while the cluster is not healthy", () =>
    on(
      world("running", ({ nodes }) => {
        nodes[addresses.worker2]!.stage = "off";
      }),
      async (talos) => {
        assert.match(await refuse(talos, steps.upgrade), /the cluster is not healthy[\s\S]*192\.168\.128\.30/);
        assert.equal(talos.world.upgrades, undefined);
        assert.deepEqual(snapshots(talos), []);
      },
    ));

  it("reports that a node rolled back to its old version", () =>
    on(
      world("running", (made) => {
        made.rollsBack = true;
      }),
      async (talos) => {
        assert.match(await refuse(talos, steps.upgrade), /runs v1\.7\.4 .*rolled back/);
      },
    ));

  it("changes nothing when etcd cannot be saved", () =>
    on(
      world("running", (made) => {
        made.faults = [{ match: "etcd snapshot", times: 9, error: "rpc error: code = Internal desc = disk full" }];
      }),
      async (talos) => {
        assert.match(await refuse(talos, steps.upgrade), /etcd could not be saved[\s\S]*disk full/);
        assert.equal(talos.world.upgrades, undefined);
        assert.deepEqual(snapshots(talos), []);
      },
    ));
});

describe("upgrading Kubernetes", function () {
  this.timeout(120_000);

  it("goes one minor release at a time, and then no further", () =>
    on(world("running"), async (talos) => {
      assert.deepEqual(await succeed(talos, steps.upgradeKubernetes), {
        result: "upgraded",
        from: "1.29.1",
        to: "1.31.2",
      });
      assert.deepEqual(talos.world.kubernetesUpgrades, ["1.30.0", "1.31.2"]);
      assert.deepEqual(await succeed(talos, steps.upgradeKubernetes), { result: "unchanged", version: "1.31.2" });
    }));

  it("continues where a run ended with some nodes upgraded", () =>
    on(
      world("running", ({ nodes }) => {
        nodes[addresses.controlPlane]!.config = machineConfig("controlplane", "1.30.0");
      }),
      async (talos) => {
        await succeed(talos, steps.upgradeKubernetes, { KUBERNETES_VERSION: "v1.30.0" });
        assert.match(talos.node(addresses.worker2).config ?? "", /kubelet:v1\.30\.0/);
      },
    ));

  it("compares versions as numbers", () =>
    on(
      world("running", ({ nodes }) => {
        for (const node of Object.values(nodes)) node.config = machineConfig(node.role ?? "worker", "1.29.9");
      }),
      async (talos) => {
        await succeed(talos, steps.upgradeKubernetes, { KUBERNETES_VERSION: "v1.29.10" });
        assert.deepEqual(talos.world.kubernetesUpgrades, ["1.29.10"]);
      },
    ));

  it("waits for the reboot that applies a staged config, which upgrade-k8s would drop", () =>
    on(
      world("running", (made) => {
        made.client = "v1.13.9";
        for (const node of Object.values(made.nodes)) node.version = "v1.13.9";
      }),
      async (talos) => {
        await succeed(talos, steps.applyChange, { TALOS_REBOOT: "staged" });
        const output = await refuse(talos, steps.upgradeKubernetes);
        assert.match(output, /staged on 192\.168\.128\.28[\s\S]*next: reboot the node/);
        assert.equal(talos.world.kubernetesUpgrades, undefined);
        assert.match(talos.node(addresses.worker1).staged ?? "", /sysctls/);
      },
    ));

  it("refuses to downgrade by a minor release", () =>
    on(world("running"), async (talos) => {
      assert.match(
        await refuse(talos, steps.upgradeKubernetes, { KUBERNETES_VERSION: "v1.28.4" }),
        /does not downgrade/,
      );
      assert.equal(talos.world.kubernetesUpgrades, undefined);
    }));
});

describe("nodes that leave", function () {
  this.timeout(120_000);

  it("are drained and removed from Kubernetes, and their machines left alone", () =>
    on(world("running"), async (talos) => {
      const { stdout, stderr } = await run(talos, steps.members);
      assert.deepEqual(JSON.parse(stdout), {
        step: "members",
        nodes: [`controlplane=${addresses.controlPlane}=controlplane`],
      });
      assert.match(stderr, /worker-1 \(192\.168\.128\.28\) has left/);
      assert.deepEqual(talos.world.kubernetes.drained, ["worker-1"]);
      assert.deepEqual(talos.world.kubernetes.nodes, ["controlplane", "worker-2"]);
      assert.equal(talos.node(addresses.worker1).stage, "running");
      assert.equal((await run(talos, steps.members)).code, 0, "a second run must succeed");
    }));

  it("leave etcd too when they are control planes, even when they are switched off", async () => {
    for (const stage of ["running", "off"]) {
      await on(
        world("running", ({ nodes }) => {
          Object.assign(nodes[addresses.worker1]!, { role: "controlplane", etcd: true, stage });
        }),
        async (talos) => {
          const before = steps.members.env.PULUMI_COMMAND_STDOUT.replace("=worker", "=controlplane");
          const { code, stderr } = await run(talos, steps.members, { PULUMI_COMMAND_STDOUT: before });
          assert.equal(code, 0, stderr);
          assert.equal(talos.node(addresses.worker1).etcd, false);
          assert.equal(talos.node(addresses.controlPlane).etcd, true);
        },
      );
    }
  });

  it("are none on the first run and where nothing has changed: no node is called", () =>
    on(world("running"), async (talos) => {
      const nodes = { PULUMI_COMMAND_STDOUT: "" };
      const first = await run(talos, steps.members, nodes);
      assert.equal((await run(talos, steps.members, { PULUMI_COMMAND_STDOUT: first.stdout })).stdout, first.stdout);
      assert.equal(talos.calls.length, 0);
    }));
});

describe("resetting a node", function () {
  this.timeout(120_000);

  it("wipes config and data of the last control plane, after saving etcd, and waits for maintenance mode", () =>
    on(world("running"), async (talos) => {
      assert.deepEqual(await succeed(talos, steps.reset), { result: "reset" });
      assert.equal(talos.node(addresses.controlPlane).stage, "maintenance");
      assert.equal(snapshots(talos).length, 1);
      assert.deepEqual(await succeed(talos, steps.reset), { result: "unchanged" });
      assert.equal(talos.node(addresses.controlPlane).resets, 1);
    }));
});

describe("drift", function () {
  this.timeout(120_000);

  it("is reported in one line, and nothing is changed", () =>
    on(world("running"), async (talos) => {
      const before = talos.node(addresses.worker1).config;
      assert.equal((await succeed(talos, steps.drift)).result, "changed");
      assert.equal((await succeed(talos, { ...steps.applyWorker, name: "drift" })).result, "same");
      assert.equal(talos.node(addresses.worker1).config, before);
    }));

  it("is distinguished from a config that waits for a reboot", () =>
    on(
      world("running", (made) => {
        made.client = "v1.13.9";
        for (const node of Object.values(made.nodes)) node.version = "v1.13.9";
      }),
      async (talos) => {
        await succeed(talos, steps.applyReboot, { TALOS_REBOOT: "staged" });
        assert.deepEqual(await succeed(talos, { ...steps.applyReboot, name: "drift" }), { result: "staged" });
      },
    ));

  it("is unknown, and no error, where a node does not answer, is another cluster's, or talosctl is missing", async () => {
    const states = [{ stage: "off" }, { cluster: "another" }];
    for (const state of states) {
      await on(
        world("running", ({ nodes }) => {
          Object.assign(nodes[addresses.worker1]!, state);
        }),
        async (talos) => assert.deepEqual(await succeed(talos, steps.drift), { result: "unknown" }),
      );
    }
    await on(world("running"), async (talos) => {
      assert.deepEqual(await succeed(talos, steps.drift, { PATH: "/usr/bin:/bin" }), { result: "unknown" });
    });
  });
});
