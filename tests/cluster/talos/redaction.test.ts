import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { partMarker } from "../../support/talosctl/fake";
import { on, refuse, type Step, steps } from "./steps";
import { machineSecrets, world } from "./worlds";

const config = [
  "machine:",
  "  type: worker",
  "  env:",
  "    ANCHOR: &anchor hunter2-anchor",
  "    TAG: !!str hunter2-tag",
  "    LIST: [hunter2-item, [hunter2-nested], 'hunter2''quoted']",
  '    MAPPING: { user: hunter2-user, pass: "hunter2\\"escaped" }',
  "    SINGLE: 'it''s-hunter2'",
  "cluster:",
  "  id: x",
].join("\n");
/** As Talos prints them. */
const values = [
  ...["hunter2-anchor", "hunter2-tag", "hunter2-item", "hunter2-nested", "hunter2'quoted", "hunter2-user"],
  ...['hunter2"escaped', "it's-hunter2"],
];

describe("what a step prints of an error", function () {
  this.timeout(60_000);

  it("has no value of a patch, in whatever form YAML has it", () =>
    on(world("running"), async (talos) => {
      const desc = values.map((value) => `invalid value ${value}`).join("; ");
      const made = talos.world;
      made.faults = [{ match: "apply-config", error: `rpc error: code = InvalidArgument desc = ${desc}`, times: 9 }];
      talos.change(made);
      const output = await refuse(talos, { ...steps.applyWorker, stdin: machineSecrets + partMarker + config });
      assert.match(output, /InvalidArgument desc = invalid value \[secret\]/);
      for (const value of values) assert.ok(!output.includes(value), `${value} in ${output}`);
    }));

  it("has no value of the config that the node still runs", () =>
    on(world("running"), async (talos) => {
      const made = talos.world;
      const [address, node] = Object.entries(made.nodes)[0]!;
      node.config = `${node.config}  proxy: former-password-1\n`;
      made.faults = [{ match: "upgrade-k8s", error: "cannot merge former-password-1", times: 9 }];
      talos.change(made);
      const output = await refuse(talos, steps.upgradeKubernetes, { TALOS_CONTROL_PLANES: address });
      assert.match(output, /cannot merge \[secret\]/);
    }));

  it("has no kernel argument of a schematic, which the Image Factory quotes", async () => {
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => response.end(`cannot build: ${body}`));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const schematic: Step = {
      name: "schematic",
      env: { TALOS_CLUSTER: "c", TALOS_FACTORY_URL: `http://127.0.0.1:${port}/schematics`, TALOS_SCHEMATIC: "0" },
      stdin:
        "customization:\n    extraKernelArgs:\n        - talos.config=http://10.0.0.1/hunter2-kernel\n    systemExtensions:\n        officialExtensions:\n            - siderolabs/iscsi-tools\n",
    };
    try {
      await on(world("running"), async (talos) => {
        const output = await refuse(talos, schematic, {
          TALOS_DEADLINE: "1",
          PATH: process.env.PATH ?? "",
          no_proxy: "127.0.0.1",
        });
        assert.match(output, /cannot build[\s\S]*siderolabs\/iscsi-tools/);
        assert.doesNotMatch(output, /hunter2/);
      });
    } finally {
      server.close();
    }
  });
});
