import assert from "node:assert/strict";
import { runStack } from "../../support/program";
import { on, run, steps, succeed } from "./steps";
import { addresses, world } from "./worlds";

/** A running cluster whose nodes are called by names. */
const named = () =>
  world("running", ({ nodes }) => {
    nodes["cp.example.com"] = { ...nodes[addresses.controlPlane]!, ip: addresses.controlPlane };
    nodes["worker-1.example.com"] = { ...nodes[addresses.worker1]!, ip: addresses.worker1 };
  });

describe("nodes that have a DNS name instead of an address", function () {
  this.timeout(60_000);

  it("are given to health checks, which take no names, by their addresses", () =>
    on(named(), async (talos) => {
      const env = {
        TALOS_CONTROL_PLANES: "cp.example.com",
        TALOS_WORKERS: `worker-1.example.com,${addresses.worker2}`,
        TALOS_ADDRESS: "cp.example.com",
      };
      assert.deepEqual(await succeed(talos, steps.health, env), { result: "healthy" });
      const { argv = [] } = talos.calls.find((call) => call.argv.includes("health")) ?? {};
      assert.equal(argv[argv.indexOf("--control-plane-nodes") + 1], addresses.controlPlane);
      assert.equal(argv[argv.indexOf("--worker-nodes") + 1], `${addresses.worker1},${addresses.worker2}`);
      assert.equal(argv[argv.indexOf("-n") + 1], "cp.example.com");
    }));

  it("leave Kubernetes by their full host name where that is their name, and etcd by its first part", () =>
    on(
      world("running", ({ nodes, kubernetes }) => {
        Object.assign(nodes[addresses.worker1]!, { role: "controlplane", etcd: true });
        kubernetes.nodes = ["controlplane", "worker-1.example.com", "worker-2"];
      }),
      async (talos) => {
        const before = steps.members.env.PULUMI_COMMAND_STDOUT.replace("worker-1=", "worker-1.example.com=").replace(
          "=worker",
          "=controlplane",
        );
        const { code, stderr } = await run(talos, steps.members, { PULUMI_COMMAND_STDOUT: before });
        assert.equal(code, 0, stderr);
        assert.deepEqual(talos.world.kubernetes.nodes, ["controlplane", "worker-2"]);
        assert.equal(talos.node(addresses.worker1).etcd, false);
      },
    ));

  it("have resources of their host name, and the name of Kubernetes in the lists of nodes", async () => {
    const node = (hostname: string, more: object) => ({
      hostname,
      ipAddress: hostname,
      installDisk: "/dev/sda",
      ...more,
    });
    const fqdn = { patches: [{ machine: { kubelet: { registerWithFQDN: true } } }] };
    const result = await runStack({
      config: {
        environment: "dev",
        cluster: {
          ...{ kind: "talos", name: "test", endpoint: "https://cp.example.com:6443", kubernetesVersion: "v1.36.3" },
          ...{ talosVersion: "v1.13.9", contract: "v1.13" },
          nodes: [node("cp.example.com", { controlPlane: true }), node("worker-1.example.com", fqdn)],
        },
        charts: { source: "https://charts.example.com" },
        mesh: { version: "1.31.1", profile: "default" },
      },
    });
    const environment = (name: string) =>
      result.one("command:local:Command", name).inputs.environment as Record<string, string>;
    assert.equal(environment("cluster-apply-cp.example.com").TALOS_ADDRESS, "cp.example.com");
    assert.equal(environment("cluster-upgrade-cp.example.com").TALOS_NODE, "cp");
    assert.equal(environment("cluster-upgrade-worker-1.example.com").TALOS_NODE, "worker-1.example.com");
    assert.equal(
      environment("cluster-members").TALOS_NODES,
      "cp=cp.example.com=controlplane worker-1.example.com=worker-1.example.com=worker",
    );
  });
});
