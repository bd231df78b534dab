import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import type { FakeNode, FakeTalos, FakeWorld } from "../../support/talosctl/fake";
import { on, refuse, run, type Step, steps, succeed } from "./steps";
import { addresses, secretValues, world } from "./worlds";

const worker = (change: Partial<FakeNode>) =>
  world("running", ({ nodes }) => {
    Object.assign(nodes[addresses.worker1]!, change);
  });
const short = { TALOS_DEADLINE: "2" };

describe("the state of a node", function () {
  this.timeout(120_000);

  it("is reported for a node that does not answer: its address, talosctl's output and what to check", () =>
    on(worker({ stage: "off" }), async (talos) => {
      const output = await refuse(talos, steps.applyWorker, short);
      assert.match(output, /^worker-1 \(192\.168\.128\.28\): apply: the node does not answer$/m);
      assert.match(output, /^talosctl printed: .*connection refused/m);
      assert.match(output, /^next: .*port 50000/m);
    }));

  it("is reported while a step waits for the node, with the time that is left", () =>
    on(worker({ stage: "off" }), async (talos) => {
      const output = await refuse(talos, steps.applyWorker, { TALOS_DEADLINE: "4", TALOS_NOTICE: "1" });
      const line =
        /^worker-1 \(192\.168\.128\.28\): apply: waiting for 192\.168\.128\.28 \((\d) s so far, (\d) s left\); talosctl printed: .*connection refused/gm;
      const notices = [...output.matchAll(line)].map(([, since, left]) => [Number(since), Number(left)] as const);
      assert.ok(notices.length > 1, output);
      for (const [since, left] of notices) assert.ok(since >= 1 && since + left === 4, output);
      assert.ok(output.indexOf("waiting for") < output.indexOf("the node does not answer"), output);
    }));

  it("is not reported for a node that answers soon", () =>
    on(worker({ stage: "off", next: [{ in: 3, stage: "running" }] }), async (talos) => {
      assert.equal((await run(talos, steps.applyWorker)).stderr, "");
    }));

  it("is awaited for TALOS_DEADLINE, in whole seconds", () =>
    on(worker({ stage: "off" }), async (talos) => {
      for (const deadline of ["5m", "0", "-1", "1.5"]) {
        const output = await refuse(talos, steps.applyWorker, { TALOS_DEADLINE: deadline });
        assert.match(output, /apply: TALOS_DEADLINE is .*\nnext: .*whole seconds, such as 300/);
        assert.ok(output.includes(`TALOS_DEADLINE is ${deadline}\n`), output);
      }
    }));

  it("stops every step that would change a node of another cluster", async () => {
    const inState: Step[] = [
      steps.applyWorker,
      { ...steps.reset, env: { ...steps.reset.env, ...steps.applyWorker.env } },
    ];
    for (const step of inState) {
      await on(worker({ cluster: "0123456789abcdef" }), async (talos) => {
        const output = await refuse(talos, step);
        assert.match(output, /belongs to another cluster[\s\S]*unknown authority[\s\S]*talosctl reset/);
        const changing = talos.calls.filter(({ argv }) => argv.includes("reset") || argv.includes("apply-config"));
        assert.equal(changing.length, 0);
      });
    }
  });

  it("is awaited while the node boots", () =>
    on(worker({ stage: "off", next: [{ in: 3, stage: "running" }] }), async (talos) => {
      assert.deepEqual(await succeed(talos, steps.applyWorker), { result: "unchanged" });
    }));
});

describe("an error of talosctl", function () {
  this.timeout(120_000);
  const failing = (match: string, error: string, times: number): FakeWorld =>
    world("running", (made) => {
      made.faults = [{ match, error, times }];
    });

  it("that is transient is retried", () =>
    on(failing("--mode no-reboot", "rpc error: code = Unavailable desc = transport is closing", 2), async (talos) => {
      assert.deepEqual(await succeed(talos, steps.applyChange), { result: "applied" });
    }));

  it("that is permanent ends the step at once", () =>
    on(failing("bootstrap", "rpc error: code = InvalidArgument desc = no", 9), async (talos) => {
      const output = await refuse(talos, steps.bootstrap);
      assert.match(output, /InvalidArgument desc = no/);
      assert.equal(talos.calls.filter(({ argv }) => argv.includes("bootstrap")).length, 1);
    }));

  it("is a timeout for a call that hangs", () =>
    on(
      world("running", (made) => {
        made.faults = [{ match: "machinestatus", times: 99, hang: 20_000 }];
      }),
      async (talos) => {
        const output = await refuse(talos, steps.applyWorker, { TALOS_CALL_TIMEOUT: "1", ...short });
        assert.match(output, /the node does not answer[\s\S]*nothing within 1 s/);
      },
    ));

  it("is a missing or an old talosctl: where to get one", async () => {
    await on(world("running"), async (talos) => {
      const output = await refuse(talos, steps.health, { PATH: "/usr/bin:/bin" });
      assert.match(output, /talosctl is not installed\nnext: .*https:\/\/www\.talos\.dev/);
    });
    await on(
      world("running", (made) => {
        made.client = "v1.6.8";
      }),
      async (talos) =>
        assert.match(await refuse(talos, steps.health), /talosctl v1\.6\.8 does not support v1\.7, which is newer/),
    );
  });
});

describe("a talosctl of another release", function () {
  this.timeout(120_000);

  for (const client of ["v1.7.4", "v1.11.6", "v1.12.0", "v1.14.0"]) {
    it(`${client} creates secrets, a kubeconfig and a cluster in containers`, () =>
      on(
        world("running", (made) => {
          made.client = client;
        }),
        async (talos) => {
          for (const step of [steps.machineSecrets, steps.kubeconfig, steps.dockerUp]) {
            const { code, stderr } = await run(talos, step);
            assert.equal(code, 0, `${step.name}: ${stderr}`);
          }
          const { workers, controlPlanePatches, workerPatches } = talos.world.containers ?? {};
          assert.equal(workers, 2);
          assert.deepEqual([controlPlanePatches?.length, workerPatches?.length], [1, 1]);
          assert.match(`${controlPlanePatches?.[0]} then ${workerPatches?.[0]}`, /proxy.* then .*sysctls/s);
          await succeed(talos, steps.dockerDown);
          await succeed(talos, steps.dockerDown);
          assert.equal(talos.world.containers, undefined);
        },
      ));
  }

  for (const client of ["v1.11.5", "v1.13.9"]) {
    it(`exposes ports on the loopback address only, with talosctl ${client}`, () =>
      on({ ...world("running"), client }, async (talos) => {
        const { code } = await run(talos, steps.dockerUp, { TALOS_EXPOSED_PORTS: "30080:30080/tcp,30443:30443/tcp" });
        assert.equal(code, 0);
        assert.deepEqual(talos.world.containers?.exposed, ["30080:30080/tcp,30443:30443/tcp", "127.0.0.1"]);
      }));
  }

  it("replaces containers that were created from other settings, and no others", () =>
    on(world("running"), async (talos) => {
      const first = await run(talos, steps.dockerUp);
      const again = await run(talos, steps.dockerUp);
      assert.equal(again.stdout, first.stdout);
      const other = await run(talos, steps.dockerUp, { TALOS_SPEC: "spec-2", TALOS_WORKER_COUNT: "3" });
      assert.deepEqual([other.code, talos.world.containers?.workers], [0, 3]);
      assert.notEqual(other.stdout, first.stdout);

      assert.deepEqual(await succeed(talos, steps.dockerDown), { result: "replaced" });
      assert.equal(talos.world.containers?.workers, 3, "what replaced them is left alone");
      assert.deepEqual(await succeed(talos, steps.dockerDown, { TALOS_SPEC: "spec-2" }), { result: "destroyed" });
      assert.equal(talos.world.containers, undefined);
    }));
});

describe("a secret", function () {
  this.timeout(180_000);

  /** Steps whose stdout is a secret output. */
  const secretStdout = new Set(["machine-config", "talosconfig"]);

  function assertNoSecret(text: string, where: string): void {
    for (const secret of secretValues) assert.ok(!text.includes(secret), `a secret in ${where}: ${text.slice(0, 300)}`);
  }

  /** Every file of the world's folder except the nodes' state, which holds their configs. */
  function files(talos: FakeTalos, folder = talos.folder): string[] {
    return readdirSync(folder).flatMap((name) => {
      const file = path.join(folder, name);
      if (name === "world.json") return [];
      return statSync(file).isDirectory() ? files(talos, file) : [file];
    });
  }

  const leaking =
    "rpc error: code = InvalidArgument desc = machine:\n  token: fedcba.fedcba9876543210\n  ca: {crt: " +
    secretValues[5];

  for (const [name, step] of Object.entries<Step>(steps)) {
    it(`is in no argument, environment, plain output, error or file of the step ${name}`, async () => {
      const worlds = [
        world("running"),
        world("maintenance"),
        // talosctl itself may print its input.
        world("running", (made) => {
          made.faults = [{ match: "apply-config|bootstrap|upgrade|reset|validate|health", error: leaking, times: 99 }];
        }),
      ];
      for (const made of worlds) {
        await on(made, async (talos) => {
          const { stdout, stderr } = await run(talos, step, { TALOS_DEADLINE: "1", TALOS_NOTICE: "0" });
          if (!secretStdout.has(step.name)) assertNoSecret(stdout, "stdout");
          assertNoSecret(stderr, "stderr");
          for (const { argv, env } of talos.calls) {
            assertNoSecret(argv.join(" "), "an argument");
            assertNoSecret(JSON.stringify(env), "the environment of talosctl");
          }
          for (const file of files(talos)) assertNoSecret(readFileSync(file, "utf8"), file);
          assert.deepEqual(talos.left, [], "a temporary folder is left behind");
        });
      }
    });
  }
});
