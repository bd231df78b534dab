import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { certificateRequest } from "./requests";
import { on, refuse, run, type Step, steps, succeed } from "./steps";
import { addresses, world } from "./worlds";

const soon = { TALOS_DEADLINE: "2" };
const snapshots = (folder: string) =>
  existsSync(path.join(folder, "snapshots")) ? readdirSync(path.join(folder, "snapshots")) : [];

describe("a configured node that gets a call without a certificate", function () {
  this.timeout(60_000);

  it("is recognized as another cluster's by any of its refusals, at the second one", () =>
    on(
      world("running", ({ nodes }) => {
        nodes[addresses.worker1]!.cluster = "0123456789abcdef";
      }),
      async (talos) => {
        assert.match(await refuse(talos, steps.diff), /belongs to another cluster/);
        assert.equal(talos.calls.filter(({ argv }) => argv.includes("--insecure")).length, 2);
      },
    ));
});

describe("the certificates of kubelets that rotate them", function () {
  this.timeout(60_000);

  it("are awaited, though they are requested only after the nodes have joined", () =>
    on(
      world("running", ({ kubernetes }) => {
        kubernetes.rotating = ["worker-1"];
        kubernetes.requests = [{ ...certificateRequest("late"), in: 4 }];
      }),
      async (talos) => {
        assert.deepEqual(await succeed(talos, steps.approve), { result: "approved", count: "1" });
        assert.equal(talos.world.kubernetes.requests[0]?.approved, true);
      },
    ));

  it("are named where they do not come, with the reason", () =>
    on(
      world("running", ({ kubernetes }) => {
        kubernetes.rotating = ["worker-1"];
        kubernetes.requests = [{ ...certificateRequest("odd"), usages: ["client auth"] }];
      }),
      async (talos) => {
        const output = await refuse(talos, steps.approve, soon);
        assert.match(output, /request odd of worker-1 is not approved: its usages are/);
        assert.match(output, /without a serving certificate in time: worker-1/);
      },
    ));

  it("are not taken for there because the API server did not answer", () =>
    on(
      world("running", (made) => {
        const error = "The connection to the server 192.168.128.27:6443 was refused";
        made.faults = [{ match: "proxy/healthz", error, times: 3 }];
      }),
      async (talos) => {
        await succeed(talos, steps.approve);
        assert.ok(talos.calls.filter(({ argv }) => argv.join(" ").includes("proxy/healthz")).length > 3);
      },
    ));

  it("do not hide which nodes are awaited", () =>
    on(
      world("running", ({ kubernetes }) => {
        kubernetes.nodes = ["controlplane"];
        kubernetes.requests = [{ ...certificateRequest("row"), approved: true }];
      }),
      async (talos) => {
        const output = await refuse(talos, steps.approve, { TALOS_DEADLINE: "3", TALOS_NOTICE: "1" });
        assert.match(output, /approve-certificates: waiting for worker-1 to join \(\d s so far, \d s left\)$/m);
        assert.doesNotMatch(output, /row\|/);
      },
    ));
});

describe("etcd", function () {
  this.timeout(60_000);
  const onWorker1 = { ...steps.reset.env, TALOS_NODE: "worker-1", TALOS_ADDRESS: addresses.worker1 };

  const gone: Record<string, object> = {
    "has left the cluster": { etcdEvent: "[Finished]: Service finished successfully" },
    "was removed from it while it was off": {
      etcdEvent: "[Waiting]: Error running Containerd(etcd), going to restart forever",
      ...{ etcdData: true, etcdLog: "the member has been permanently removed from the cluster" },
    },
    "never started": { etcdEvent: "[Preparing]: Running pre state" },
  };
  for (const [what, state] of Object.entries(gone)) {
    it(`is not saved before the reset of a control plane where it ${what}`, () =>
      on(
        world("running", ({ nodes }) => {
          Object.assign(nodes[addresses.worker1]!, { role: "controlplane", etcd: false, ...state });
        }),
        async (talos) => {
          const reset = { ...steps.reset, env: onWorker1 };
          assert.deepEqual(await succeed(talos, reset), { result: "reset" });
          assert.deepEqual(snapshots(talos.folder), []);
        },
      ));
  }

  it("is named with its state where it has data and does not run, and nothing is reset", () =>
    on(
      world("running", ({ nodes }) => {
        const state = { etcd: false, etcdData: true, etcdEvent: "[Failed]: Failed to run pre stage: no space left" };
        Object.assign(nodes[addresses.controlPlane]!, state);
      }),
      async (talos) => {
        const output = await refuse(talos, steps.reset);
        assert.match(output, /could not be saved \(the service is Failed: Failed to run pre stage: no space left\)/);
        assert.equal(talos.node(addresses.controlPlane).resets, undefined);
      },
    ));

  const booting = (change: object) =>
    world("running", (made) => {
      made.kubernetes.up = false;
      Object.assign(made.nodes[addresses.controlPlane]!, { etcd: false, stage: "booting" });
      Object.assign(made, change);
    });

  it("is awaited after the bootstrap", () =>
    on(booting({ etcdIn: 3 }), async (talos) => {
      assert.deepEqual(await succeed(talos, steps.bootstrap), { result: "bootstrapped" });
      assert.equal(talos.node(addresses.controlPlane).etcdIn, 0);
    }));

  it("is named with what keeps it from starting", async () => {
    const made = booting({});
    const event =
      '[Failed]: Failed to run pre stage: failed to pull image "gcr.io/etcd-development/etcd:v3.6.8": not found';
    made.nodes[addresses.controlPlane]!.etcdEvent = event;
    await on(made, async (talos) => {
      const output = await refuse(talos, steps.bootstrap, soon);
      assert.match(
        output,
        /etcd was bootstrapped and is not up in time \(the service is Failed: .*failed to pull image/,
      );
      assert.match(output, /^next: .*service etcd/m);
    });
  });
});

describe("an upgrade that is killed while talosctl drains or reboots the node", function () {
  this.timeout(60_000);
  const client = "v1.13.9";
  const upgrade = {
    ...steps.upgrade,
    env: {
      ...steps.upgrade.env,
      TALOS_VERSION: "v1.13.9",
      TALOS_IMAGE: "ghcr.io/siderolabs/installer:v1.13.9",
      TALOS_SCHEMATIC: "",
    },
  };
  const old = () =>
    world("running", (made) => {
      made.client = client;
      for (const node of Object.values(made.nodes)) node.version = "v1.12.4";
    });

  it("leaves no node cordoned after the next run", () =>
    on(old(), async (talos) => {
      const plain = await run(talos, upgrade);
      assert.equal(plain.code, 0, plain.stderr);
      const call = talos.calls.findIndex(({ argv }) => argv.includes("upgrade")) + 1;
      assert.ok(call > 0);
      for (const after of [false, true]) {
        const world = old();
        talos.change({ ...world, kill: { call, after } });
        assert.equal((await run(talos, upgrade)).code, null, "it was killed");
        talos.change({ ...talos.world, kill: undefined });
        await succeed(talos, upgrade);
        const { cordoned = [], annotations = {} } = talos.world.kubernetes;
        assert.deepEqual([cordoned, annotations], [[], {}]);
      }
    }));

  it("does not uncordon a node that an administrator has cordoned", () =>
    on(
      world("running", ({ nodes, kubernetes }) => {
        nodes[addresses.controlPlane]!.version = "v1.8.4";
        kubernetes.cordoned = ["controlplane"];
      }),
      async (talos) => {
        assert.equal((await succeed(talos, steps.upgrade)).result, "unchanged");
        assert.deepEqual(talos.world.kubernetes.cordoned, ["controlplane"]);
      },
    ));

  it("is named by the health step, which does not wait for it", () =>
    on(
      world("running", ({ kubernetes }) => {
        kubernetes.cordoned = ["worker-1"];
      }),
      async (talos) => {
        const output = await refuse(talos, steps.health, soon);
        assert.match(output, /cordoned, so that no pod is scheduled there: worker-1\nnext: kubectl uncordon worker-1/);
      },
    ));
});

describe("a node that was wiped by someone else", function () {
  this.timeout(60_000);
  const wiped = () =>
    world("running", ({ nodes, kubernetes }) => {
      Object.assign(nodes[addresses.worker1]!, { stage: "maintenance", cluster: undefined, config: undefined });
      kubernetes.nodes = ["controlplane"];
    });

  const noticing: Step[] = [
    steps.approve,
    steps.health,
    steps.upgradeKubernetes,
    { ...steps.upgrade, env: { ...steps.upgrade.env, TALOS_NODE: "worker-1", TALOS_ADDRESS: addresses.worker1 } },
  ];
  for (const step of noticing) {
    it(`is named at once by the step ${step.name}, and noted for the next run`, () =>
      on(wiped(), async (talos) => {
        const output = await refuse(talos, step);
        assert.match(output, /\(192\.168\.128\.28\): .*: the node has lost its config: .*in maintenance mode/);
        assert.match(output, /^next: run the same command again/m);
        assert.deepEqual(readdirSync(path.join(talos.folder, ".talos-mesh/wiped")), [addresses.worker1]);
      }));
  }

  it("is configured again", () =>
    on(wiped(), async (talos) => {
      assert.deepEqual(await succeed(talos, steps.applyWorker, { TALOS_WIPED: "2026-01-01T00:00:00Z" }), {
        result: "installed",
      });
    }));
});

describe("a cluster without a CNI of Talos' own", function () {
  this.timeout(60_000);
  const without = (readyIn?: number) =>
    world("running", ({ nodes, kubernetes }) => {
      for (const node of Object.values(nodes)) node.config = `${node.config}# cni: name: none\n`;
      Object.assign(kubernetes, { notReady: ["controlplane", "worker-1", "worker-2"], readyIn });
    });

  it("is awaited until what installs one has made the nodes Ready", () =>
    on(without(4), async (talos) => {
      const env = { TALOS_CNI: "none", TALOS_CNI_SOURCE: "cluster.inlineManifests" };
      assert.deepEqual(await succeed(talos, steps.health, env), { result: "healthy" });
    }));

  it("is reported at once where nothing installs one, and fails with what to do", () =>
    on(without(), async (talos) => {
      const output = await refuse(talos, steps.health, { TALOS_CNI: "none", ...soon });
      assert.match(output, /^controlplane: health: cluster\.cni is none, and nothing in the settings installs a CNI/m);
      assert.match(output, /no CNI works on: controlplane worker-1 worker-2/);
      assert.match(output, /^next: install a CNI .*talos:config/m);
    }));

  it("is reported with what should have installed one", () =>
    on(without(), async (talos) => {
      const env = { TALOS_CNI: "custom", TALOS_CNI_SOURCE: "the manifests of cluster.cni.urls", ...soon };
      const output = await refuse(talos, steps.health, env);
      assert.doesNotMatch(output, /nothing in the settings/);
      assert.match(
        output,
        /^next: see why it did not come up: it is installed by the manifests of cluster\.cni\.urls/m,
      );
    }));
});
