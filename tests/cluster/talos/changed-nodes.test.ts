import assert from "node:assert/strict";
import type { FakeNode } from "../../support/talosctl/fake";
import { on, refuse, run, type Step, steps, succeed } from "./steps";
import { addresses, world } from "./worlds";

const { controlPlane: first, worker1: second, worker2: third } = addresses;
const secondControlPlane = (change: Partial<FakeNode> = {}) =>
  world("running", ({ nodes }) => {
    Object.assign(nodes[second]!, { role: "controlplane", etcd: true, hostname: "cp-2", ...change });
  });

/** The step of the members with the list of the settings and that of its previous output. */
const members = (list: readonly string[], before: readonly string[]): Step => ({
  ...steps.members,
  env: {
    ...steps.members.env,
    TALOS_NODES: list.join(" "),
    PULUMI_COMMAND_STDOUT: JSON.stringify({ step: "members", nodes: before }),
  },
});
const firstEntry = `controlplane=${first}=controlplane`;

describe("a control plane that was renamed", function () {
  this.timeout(60_000);

  it("keeps its member of etcd; Kubernetes loses the old node", () =>
    on(secondControlPlane({ memberName: "worker-1" }), async (talos) => {
      const step = members(
        [firstEntry, `cp-2=${second}=controlplane`],
        [firstEntry, `worker-1=${second}=controlplane`],
      );
      const { code, stderr } = await run(talos, step);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /worker-1 \(192\.168\.128\.28\) is cp-2 now/);
      assert.equal(talos.node(second).etcd, true);
      assert.ok(!talos.world.kubernetes.nodes.includes("worker-1"));
    }));

  it("is not wiped when the reset of its old name is deleted", () =>
    on(secondControlPlane(), async (talos) => {
      const reset = { ...steps.reset, env: { ...steps.reset.env, TALOS_NODE: "worker-1", TALOS_ADDRESS: second } };
      assert.deepEqual(await succeed(talos, reset), { result: "renamed", to: "cp-2" });
      assert.equal(talos.node(second).resets, undefined);
      assert.equal(talos.node(second).stage, "running");
    }));
});

describe("a control plane with another address", function () {
  this.timeout(60_000);
  const step = members([firstEntry, `cp-2=${third}=controlplane`], [firstEntry, `cp-2=${second}=controlplane`]);

  for (const stage of ["running", "off"]) {
    it(`has no second member of etcd, that of the machine before it, which is ${stage}`, () => {
      const made = secondControlPlane({ stage });
      Object.assign(made.nodes[third]!, { role: "controlplane", etcd: true, hostname: "cp-2" });
      made.kubernetes.nodes = ["controlplane", "cp-2"];
      return on(made, async (talos) => {
        const { code, stderr } = await run(talos, step);
        assert.equal(code, 0, stderr);
        assert.deepEqual([talos.node(second).etcd, talos.node(third).etcd], [false, true]);
        assert.deepEqual(talos.world.kubernetes.nodes, ["controlplane", "cp-2"]);
      });
    });
  }

  it("keeps its member where it is the same machine", () => {
    const made = secondControlPlane();
    delete made.nodes[third];
    made.nodes[third] = { ...made.nodes[second]! };
    delete made.nodes[second];
    return on(made, async (talos) => {
      const { code, stderr } = await run(talos, step);
      assert.equal(code, 0, stderr);
      assert.equal(talos.node(third).etcd, true);
    });
  });
});

describe("a node with another role", function () {
  this.timeout(60_000);

  it("is refused with what to do, and gets no config", () =>
    on(secondControlPlane(), async (talos) => {
      for (const reboot of ["never", "staged", "when-needed"]) {
        // A worker in the settings; its running config is one of a control plane.
        const made = talos.world;
        made.nodes[second]!.config = made.nodes[first]!.config;
        talos.change(made);
        const output = await refuse(talos, steps.applyWorker, { TALOS_REBOOT: reboot });
        assert.match(
          output,
          /the node is a controlplane, and Talos does not make a worker of it\nnext: remove the node/,
        );
      }
      assert.ok(!talos.calls.some(({ argv }) => argv.includes("apply-config")));
    }));
});

describe("the members of etcd", function () {
  this.timeout(60_000);

  it("are awaited where the control plane that lists them has just joined", () =>
    on(secondControlPlane(), async (talos) => {
      const made = talos.world;
      const error =
        'rpc error: code = Unavailable desc = connection error: desc = "dial tcp [::1]:2379: connect: connection refused"';
      made.faults = [{ match: "etcd members", error, times: 2 }];
      talos.change(made);
      const { code, stderr } = await run(talos, members([firstEntry], [firstEntry, `cp-2=${second}=controlplane`]));
      assert.equal(code, 0, stderr);
      assert.equal(talos.node(second).etcd, false);
    }));
});

describe("an error that Talos means for good", function () {
  this.timeout(60_000);

  it("ends the step at once, also where it quotes a word of an error that goes away", () =>
    on(world("running"), async (talos) => {
      const made = talos.world;
      const error = "rpc error: code = InvalidArgument desc = yaml: line 3: could not find 'EOF', connection refused";
      made.faults = [{ match: "apply-config", error, times: 99 }];
      talos.change(made);
      assert.match(await refuse(talos, steps.applyChange), /rejects the machine config/);
      assert.equal(talos.calls.filter(({ argv }) => argv.includes("apply-config")).length, 1);
    }));

  it("is not that the node reboots with a config of someone else", () =>
    on(world("running"), async (talos) => {
      const made = talos.world;
      const error =
        "rpc error: code = FailedPrecondition desc = configuration was already applied and node is rebooting, cannot apply more configuration changes until next reboot";
      made.faults = [{ match: "apply-config", error, times: 2 }];
      talos.change(made);
      assert.deepEqual(await succeed(talos, steps.applyChange), { result: "applied" });
    }));
});

describe("a node that an interrupted upgrade has left cordoned", function () {
  this.timeout(60_000);

  it("is uncordoned by the next run, also where the Kubernetes API boots with it", () =>
    on(world("running"), async (talos) => {
      const made = talos.world;
      made.nodes[first]!.version = "v1.8.4";
      Object.assign(made.kubernetes, { cordoned: ["controlplane"], annotations: { controlplane: "v1.8.4" } });
      const error = "The connection to the server 192.168.128.27:6443 was refused";
      made.faults = [{ match: "kubectl.*get node controlplane", error, times: 2 }];
      talos.change(made);
      assert.equal((await succeed(talos, steps.upgrade)).result, "unchanged");
      assert.deepEqual(talos.world.kubernetes.cordoned, []);
    }));
});
