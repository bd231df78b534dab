import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import type { StateResource } from "../../../cli/engine/pulumi-recovery";
import { runCommand } from "../../../cli/command";
import { command } from "../../../cli/commands/talos-diff";
import { talosDiff } from "../../../cli/talos";
import { projectRoot } from "../../support/program";
import type { FakeTalos } from "../../support/talosctl/fake";
import { on } from "./steps";
import { addresses, machineSecrets, secretValues, world } from "./worlds";

/** A secret string as `pulumi stack export --show-secrets` writes it. */
const secret = (text: string) => ({ "4dabf18193072939515e22adb298388d": "x", plaintext: JSON.stringify(text) });
const state: StateResource[] = [
  {
    urn: "urn:pulumi:dev::talos-mesh::talos-mesh:cluster:TalosCluster$command:local:Command::cluster-health",
    type: "command:local:Command",
    inputs: { stdin: secret(machineSecrets) },
  },
];

function diff(talos: FakeTalos, hostname?: string, resources = state, env = talos.env) {
  const configFile = path.join(talos.folder, "Pulumi.dev.yaml");
  const nodes = [
    { hostname: "controlplane", ipAddress: addresses.controlPlane, controlPlane: true, installDisk: "/dev/sda" },
    { hostname: "worker-1", ipAddress: addresses.worker1, installDisk: "/dev/sda" },
  ];
  const cluster = {
    ...{ kind: "talos", name: "istio-cluster", endpoint: "https://192.168.128.27:6443", nodes },
    ...{ talosVersion: "v1.7.4", kubernetesVersion: "v1.29.1", machineSecrets: { secret: "talos" } },
  };
  const config = {
    "talos-mesh:environment": "dev",
    "talos-mesh:cluster": cluster,
    "talos-mesh:secrets": { talos: "what the stack file holds is encrypted" },
    "talos-mesh:mesh": { version: "1.22.1", profile: "default" },
  };
  writeFileSync(configFile, stringify({ config }));
  const request = { projectRoot, stack: "dev", configFile, state: resources, hostname, env };
  return talosDiff(request);
}

describe("the diff of a Talos cluster", function () {
  this.timeout(120_000);

  it("shows each node's changes without secrets, and changes nothing", () =>
    on(world("running"), async (talos) => {
      const before = talos.world.nodes;
      const found = await diff(talos);
      assert.deepEqual(
        found.map(({ hostname, failed }) => [hostname, failed]),
        [
          ["controlplane", false],
          ["worker-1", false],
        ],
      );
      const text = found.map((each) => each.text).join("\n");
      assert.match(text, /^\+.*\/dev\/sda/m);
      for (const value of secretValues) assert.ok(!text.includes(value), "a secret in a diff");
      assert.deepEqual(talos.world.nodes, before);
    }));

  it("shows one node where one is named, and the error of a node that does not answer", () =>
    on(
      world("running", ({ nodes }) => {
        nodes[addresses.worker1]!.stage = "off";
      }),
      async (talos) => {
        const [only, ...others] = await diff(talos, "worker-1", state, { ...talos.env, TALOS_DEADLINE: "1" });
        assert.equal(others.length, 0);
        assert.equal(only?.failed, true);
        assert.match(only?.text ?? "", /the node does not answer/);
      },
    ));

  it("fails for an unknown node, and before any deployment", () =>
    on(world("running"), async (talos) => {
      await assert.rejects(diff(talos, "worker-9"), /no such node. The nodes are: controlplane, worker-1/);
      await assert.rejects(diff(talos, undefined, []), /No Talos cluster has been deployed with this stack yet/);
    }));

  it("refuses a stack of another kind, before it looks for the Pulumi CLI", () =>
    assert.rejects(
      runCommand(command, ["--stack", "dev"]),
      /^UserError: --stack dev: cluster\.kind is embedded; only talos has machine configs\.$/,
    ));
});
