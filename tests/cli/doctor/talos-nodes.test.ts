import assert from "node:assert/strict";
import { createServer } from "node:net";
import { listens } from "../../../cli/doctor/cluster";
import { examine } from "../../../cli/doctor/doctor";
import { nodeFindings, talosChecks } from "../../../cli/doctor/talos-nodes";
import type { FakeWorld } from "../../support/talosctl/fake";
import { on } from "../../cluster/talos/steps";
import { addresses, machineSecrets, secretValues, world } from "../../cluster/talos/worlds";
import { existingCluster, lines, modelOf, context, talosCluster } from "./contexts";

describe("the doctor of Talos nodes", function () {
  this.timeout(120_000);

  const command = "command:local:Command";
  const resources = [{ urn: `urn::${command}::cluster-health`, type: command, inputs: { stdin: machineSecrets } }];
  const deployment = () => Promise.resolve({ resources });

  /** What it finds in a world of machines, by node. */
  const found = async (change: (world: FakeWorld) => void) => {
    let findings: Awaited<ReturnType<typeof examine>> = [];
    await on(world("running", change), async (talos) => {
      const before = { ...talos.world, calls: undefined };
      findings = await examine(context({ deployment, env: talos.env }), talosChecks);
      for (const secret of secretValues) assert.ok(!JSON.stringify(findings).includes(secret));
      assert.deepEqual(talos.left, []);
      assert.deepEqual(Object.keys(talos.world.nodes), Object.keys(before.nodes));
      assert.ok(talos.calls.every(({ argv }) => !argv.some((word) => /^(apply|reset|reboot|upgrade)/.test(word))));
    });
    return lines(findings);
  };

  it("reports version, clock, and etcd of healthy nodes", async () => {
    const all = await found(() => undefined);
    const [controlPlane, worker] = [
      `node controlplane (${addresses.controlPlane})`,
      `node worker-1 (${addresses.worker1})`,
    ];
    assert.ok(all.includes(`ok: ${controlPlane}: Talos v1.7.4, running`), all.join("\n"));
    assert.ok(all.includes(`ok: ${controlPlane}: etcd: 25 MB, 12 MB (48.00%) in use`));
    assert.ok(all.includes(`ok: ${worker}: Talos v1.7.4, running`));
    assert.equal(
      all.filter((line) => line.startsWith("ok: ") && line.includes("its clock is")).length,
      4,
      all.join("\n"),
    );
    assert.deepEqual(
      all.filter((line) => !line.startsWith("ok: ")),
      [],
    );
  });

  it("reports clocks that differ from here and from their time server", async () => {
    const all = await found(({ nodes }) => {
      Object.assign(nodes[addresses.controlPlane] ?? {}, { ahead: 90, aheadOfServer: 90 });
      Object.assign(nodes[addresses.worker1] ?? {}, { aheadOfServer: -8 });
    });
    const wrong = all.filter((line) => !line.startsWith("ok: ")).join("\n");
    assert.match(
      wrong,
      /error: node controlplane .*its clock is (89|90|91)\.\d s ahead of this machine's: certificates/,
    );
    assert.match(
      wrong,
      /error: node controlplane .*its clock is 90\.0 s ahead of its time server's \(time\.cloudflare\.com\)/,
    );
    assert.match(wrong, /warning: node worker-1 .*its clock is 8\.0 s behind its time server's/);
  });

  it("reports etcd's alarms and errors, and other versions than the stack's", async () => {
    const all = await found(({ nodes }) => {
      Object.assign(nodes[addresses.controlPlane] ?? {}, { etcdAlarm: "NOSPACE", etcdError: "etcdserver: no leader" });
      Object.assign(nodes[addresses.worker1] ?? {}, { version: "v1.7.7" });
    });
    const wrong = all.filter((line) => !line.startsWith("ok: "));
    assert.deepEqual(wrong, [
      `error: node controlplane (${addresses.controlPlane}): etcd: etcdserver: no leader`,
      `error: node controlplane (${addresses.controlPlane}): etcd has the alarm NOSPACE`,
      `warning: node worker-1 (${addresses.worker1}): Talos v1.7.7, running; the stack file has v1.7.4`,
    ]);
  });

  it("tells nodes that are off, wiped, of another cluster, and without etcd apart, and hides none of them", async () => {
    const stages = { off: /error: .*its Talos API does not answer/, maintenance: /warning: .*in maintenance mode/ };
    for (const [stage, expected] of Object.entries(stages)) {
      const all = await found(({ nodes }) => void Object.assign(nodes[addresses.worker1] ?? {}, { stage }));
      assert.match(all.join("\n"), expected);
      assert.match(all.join("\n"), /ok: node controlplane .*Talos v1\.7\.4/);
    }
    const others = await found(({ nodes }) => {
      Object.assign(nodes[addresses.worker1] ?? {}, { cluster: "another" });
      Object.assign(nodes[addresses.controlPlane] ?? {}, { etcd: false });
    });
    assert.match(others.join("\n"), /error: node worker-1 .*belongs to another cluster/);
    assert.match(others.join("\n"), /not known: node controlplane .*etcd: .*connection refused/);
  });

  it("asks for the port alone where the cluster is not deployed or talosctl is missing", async () => {
    const nodes = [{ ...talosCluster.nodes[0], ipAddress: "127.0.0.1", mode: "container", installDisk: undefined }];
    const model = modelOf({ ...talosCluster, nodes, allowSchedulingOnControlPlanes: true });
    const [line = "", ...more] = lines(await examine(context({ model }), talosChecks));
    assert.match(
      line,
      /^(error: .*port 50000 of its Talos API cannot be reached: ECONNREFUSED|ok: .*its Talos API answers)/,
    );
    assert.deepEqual(more, []);
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    assert.equal(await listens("127.0.0.1", port, AbortSignal.timeout(5000)), true);
    await new Promise((resolve) => server.close(resolve));
    assert.equal(await listens("127.0.0.1", port, AbortSignal.timeout(5000)), "ECONNREFUSED");
  });

  it("has nothing to say of other clusters", async () => {
    assert.deepEqual(await examine(context({ model: modelOf(existingCluster) }), talosChecks), []);
    assert.deepEqual(await examine(context({ model: undefined }), talosChecks), []);
  });

  it("reads the tables of every supported talosctl, with the column of nodes and without", () => {
    const options = { wanted: "v1.13.9", stack: "s" };
    const text = (rows: string) => `### state 0\nconfigured running\n### etcd 0\n${rows}\n`;
    const head =
      "MEMBER   DB SIZE   IN USE            LEADER   RAFT INDEX   RAFT TERM   RAFT APPLIED INDEX   LEARNER   PROTOCOL   STORAGE   ERRORS";
    const row =
      "1abc     2.1 GB    1.1 GB (52.38%)   1abc     1050         3           1050                 true      3.6.0      3.6.0     ";
    for (const [first, second] of [
      [head, row],
      [`NODE       ${head}`, `10.0.0.1   ${row}`],
    ]) {
      assert.deepEqual(
        nodeFindings("n", text(`${first}\n${second}`), options).map(({ level, message }) => `${level}: ${message}`),
        ["ok: etcd: 2.1 GB, 1.1 GB (52.38%) in use", "warning: etcd: this member is a learner and does not vote yet"],
      );
    }
  });
});
