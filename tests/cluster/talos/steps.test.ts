import assert from "node:assert/strict";
import { addresses, machineConfig, world } from "./worlds";
import { on, refuse, run, steps, succeed } from "./steps";

describe("applying a machine config", function () {
  this.timeout(120_000);

  it("configures a machine in maintenance mode without a certificate, and waits until it is back", () =>
    on(world("maintenance"), async (talos) => {
      assert.deepEqual(await succeed(talos, steps.applyControlPlane), { result: "installed" });
      assert.equal(talos.node(addresses.controlPlane).stage, "booting");
      const applied = talos.calls.filter(({ argv }) => argv.includes("apply-config"));
      assert.equal(applied.length, 1);
      assert.ok(applied[0]?.argv.includes("--insecure"));
    }));

  it("changes nothing on a node that has its config, also not a second time", () =>
    on(world("running"), async (talos) => {
      const before = talos.node(addresses.worker1).config;
      assert.deepEqual(await succeed(talos, steps.applyWorker), { result: "unchanged" });
      assert.deepEqual(await succeed(talos, steps.applyWorker), { result: "unchanged" });
      assert.equal(talos.node(addresses.worker1).config, before);
      const applied = talos.calls.filter(({ argv }) => argv.includes("apply-config"));
      assert.ok(applied.every(({ argv }) => argv.includes("--dry-run") && !argv.includes("--insecure")));
    }));

  it("applies a change once, without a reboot", () =>
    on(world("running"), async (talos) => {
      assert.deepEqual(await succeed(talos, steps.applyChange), { result: "applied" });
      assert.match(talos.node(addresses.worker1).config ?? "", /sysctls/);
      assert.deepEqual(await succeed(talos, steps.applyChange), { result: "unchanged" });
      assert.equal(talos.node(addresses.worker1).boots, undefined);
    }));

  it("fails for a change that needs a reboot unless reboots are allowed", () =>
    on(world("running"), async (talos) => {
      const { code, stderr } = await run(talos, steps.applyReboot, { TALOS_REBOOT: "never" });
      assert.equal(code, 1);
      assert.match(stderr, /needs a reboot, and cluster.reboot is never/);
      assert.equal(talos.node(addresses.worker1).boots, undefined);
    }));

  it("reboots when that is needed and allowed, and waits for the node and its etcd", () =>
    on(world("running"), async (talos) => {
      const env = { TALOS_REBOOT: "when-needed" };
      assert.deepEqual(await succeed(talos, steps.applyReboot, env), { result: "rebooted" });
      const node = talos.node(addresses.worker1);
      assert.deepEqual([node.boots, node.stage, node.staged], [1, "running", undefined]);
      assert.match(node.config ?? "", /needsReboot/);
      assert.deepEqual(await succeed(talos, steps.applyReboot, env), { result: "unchanged" });
      assert.equal(talos.node(addresses.worker1).boots, 1);
    }));

  it("reboots once even if the answer to the reboot is lost", () =>
    on(
      world("running", (made) => {
        made.faults = [{ match: " reboot ", times: 1, error: "rpc error: code = Unavailable desc = EOF", after: true }];
      }),
      async (talos) => {
        await succeed(talos, steps.applyReboot, { TALOS_REBOOT: "when-needed" });
        assert.equal(talos.node(addresses.worker1).boots, 1);
      },
    ));

  it("reboots nothing for a change that needs none", () =>
    on(world("running"), async (talos) => {
      const env = { TALOS_REBOOT: "when-needed" };
      assert.deepEqual(await succeed(talos, steps.applyChange, env), { result: "applied" });
      assert.equal(talos.node(addresses.worker1).boots, undefined);
    }));

  it("stages a change where an administrator reboots, and prints the command", () =>
    on(world("running"), async (talos) => {
      const { code, stdout, stderr } = await run(talos, steps.applyReboot, { TALOS_REBOOT: "staged" });
      assert.deepEqual([code, (JSON.parse(stdout) as { result: string }).result], [0, "staged"]);
      assert.match(stderr, /takes effect when the node reboots: talosctl .*-n 192\.168\.128\.28 reboot/);
      const node = talos.node(addresses.worker1);
      assert.match(node.staged ?? "", /needsReboot/);
      assert.doesNotMatch(node.config ?? "", /needsReboot/);
    }));

  for (const version of ["v1.7.4", "v1.13.9"]) {
    it(`removes a staged change that the stack no longer has (Talos ${version})`, () =>
      on(
        world("running", (made) => {
          made.client = "v1.13.9";
          for (const node of Object.values(made.nodes)) node.version = version;
        }),
        async (talos) => {
          const env = { TALOS_REBOOT: "staged" };
          await succeed(talos, steps.applyReboot, env);
          assert.deepEqual(await succeed(talos, steps.applyWorker, env), { result: "unchanged" });
          assert.equal(talos.node(addresses.worker1).staged, undefined);
        },
      ));
  }

  it("fails for a config of a contract that the node's Talos does not support", () =>
    on(
      world("running", (made) => {
        made.client = "v1.13.9";
      }),
      async (talos) => {
        const output = await refuse(talos, steps.applyChange, { TALOS_CONTRACT: "v1.13" });
        assert.match(output, /runs Talos v1\.7\.4, which does not support contract v1\.13\nnext: .*talosVersion first/);
        assert.ok(talos.calls.every(({ argv }) => !argv.includes("apply-config")));
      },
    ));

  it("leaves the Kubernetes version to upgrade-k8s", () =>
    on(
      world("running", ({ nodes }) => {
        nodes[addresses.worker1]!.config = machineConfig("worker", "1.28.3");
      }),
      async (talos) => {
        assert.deepEqual(await succeed(talos, steps.applyWorker), { result: "unchanged" });
        assert.deepEqual(await succeed(talos, steps.applyChange), { result: "applied" });
        assert.match(talos.node(addresses.worker1).config ?? "", /kubelet:v1\.28\.3/);
      },
    ));
});

describe("bootstrapping", function () {
  this.timeout(120_000);

  it("happens once in a cluster's life", () =>
    on(world("maintenance"), async (talos) => {
      await succeed(talos, steps.applyControlPlane);
      assert.deepEqual(await succeed(talos, steps.bootstrap), { result: "bootstrapped" });
      assert.deepEqual(await succeed(talos, steps.bootstrap), { result: "already-bootstrapped" });
      assert.equal(talos.world.bootstraps, 1);
    }));

  it("is not attempted where the command's previous output shows it", () =>
    on(world("maintenance"), async (talos) => {
      const { code, stdout } = await run(talos, steps.bootstrap, {
        PULUMI_COMMAND_STDOUT: '{"result":"bootstrapped"}',
      });
      assert.deepEqual([code, stdout.trim(), talos.calls.length], [0, '{"result":"bootstrapped"}', 0]);
    }));

  it("creates no second cluster on a machine that replaces the first control plane", () =>
    on(
      world("running", ({ nodes }) => {
        const [first, other] = [nodes[addresses.controlPlane]!, nodes[addresses.worker1]!];
        Object.assign(first, { etcd: false, stage: "booting" });
        Object.assign(other, { role: "controlplane", etcd: true });
      }),
      async (talos) => {
        const env = { TALOS_CONTROL_PLANES: `${addresses.controlPlane},${addresses.worker1}` };
        assert.deepEqual(await succeed(talos, steps.bootstrap, env), {
          result: "already-bootstrapped",
          by: addresses.worker1,
        });
        assert.equal(talos.world.bootstraps, undefined);
      },
    ));
});

describe("the machine secrets", function () {
  this.timeout(60_000);

  it("differ between clusters and are created once in a cluster", () =>
    on(world("maintenance"), async (talos) => {
      const [first, other] = [await run(talos, steps.machineSecrets), await run(talos, steps.machineSecrets)];
      assert.deepEqual([first.code, other.code], [0, 0]);
      assert.notEqual(first.stdout, other.stdout);
      const again = await run(talos, steps.machineSecrets, { PULUMI_COMMAND_STDOUT: first.stdout.trimEnd() });
      assert.equal(again.stdout, first.stdout);
    }));
});

describe("a machine config", function () {
  this.timeout(60_000);

  it("is the same on every run, with the patches in it", () =>
    on(world("maintenance"), async (talos) => {
      const [first, second] = [await run(talos, steps.machineConfig), await run(talos, steps.machineConfig)];
      assert.equal(first.code, 0, first.stderr);
      assert.equal(first.stdout, second.stdout);
      assert.match(first.stdout, /sysctls/);
    }));

  it("is rejected where Talos would reject it, before any node is touched", () =>
    on(world("maintenance"), async (talos) => {
      const { code, stdout, stderr } = await run(talos, {
        ...steps.machineConfig,
        stdin: steps.machineConfig.stdin.replace("sysctls", "not-a-setting"),
      });
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, /Talos rejects the machine config[\s\S]*not-a-setting/);
    }));
});
