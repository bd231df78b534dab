import assert from "node:assert/strict";
import type { StateResource } from "../../../cli/engine/pulumi-recovery";
import { talosconfig } from "../../../cli/talos";
import { projectRoot } from "../../support/program";
import { partMarker } from "../../support/talosctl/fake";
import { talosSettings } from "./config/plans";
import { on } from "./steps";
import { addresses, machineSecrets, ownCluster, world } from "./worlds";

const cluster = talosSettings({
  ...{ kind: "talos", name: "istio-cluster", endpoint: "https://192.168.128.27:6443" },
  ...{ talosVersion: "v1.7.4", kubernetesVersion: "v1.29.1" },
  nodes: [
    {
      ...{ hostname: "controlplane", ipAddress: addresses.controlPlane, controlPlane: true, installDisk: "/dev/sda" },
      additionalAddresses: ["2001:db8::27"],
    },
    { hostname: "worker-1", ipAddress: addresses.worker1, installDisk: "/dev/sda" },
  ],
});

const command = (name: string, inputs: object, outputs = {}): StateResource => ({
  urn: `urn:pulumi:dev::talos-mesh::talos-mesh:cluster:TalosCluster$command:local:Command::${name}`,
  type: "command:local:Command",
  inputs: { ...inputs },
  outputs,
});

interface Talosconfig {
  readonly context: string;
  readonly contexts: Readonly<Record<string, { ca: string; endpoints: string[]; nodes: string[] }>>;
}

describe("the talosconfig for users", function () {
  this.timeout(60_000);

  const states: Record<string, StateResource[]> = {
    "of a whole deployment": [command("cluster-health", { stdin: machineSecrets })],
    "of a deployment that ended at its first node": [
      command("cluster-contract", {}),
      command("cluster-config-controlplane", { stdin: machineSecrets + partMarker + "machine: {}\n" }),
    ],
    "of a deployment that ended with the machine secrets": [
      command("cluster-machine-secrets", {}, { stdout: machineSecrets.trimEnd() }),
    ],
  };
  for (const [what, state] of Object.entries(states)) {
    it(`is created from the state ${what}, for all control planes, without a call to a node`, () =>
      on(world("running"), async (talos) => {
        const text = await talosconfig({ projectRoot, cluster, state, env: talos.env });
        const { context, contexts } = JSON.parse(text) as Talosconfig;
        assert.equal(context, "istio-cluster");
        const { ca, endpoints, nodes } = contexts[context] ?? assert.fail("there is no such context");
        assert.deepEqual([ca, nodes], [ownCluster, [addresses.controlPlane]]);
        assert.deepEqual(endpoints, [addresses.controlPlane, "2001:db8::27"]);
        assert.ok(talos.calls.every(({ argv }) => !argv.includes("-e")));
        assert.deepEqual(talos.left, []);
      }));
  }

  it("cannot be created before anything is deployed", () =>
    on(world("maintenance"), async (talos) => {
      await assert.rejects(talosconfig({ projectRoot, cluster, state: [], env: talos.env }), /has been deployed/);
    }));
});
