import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import type { CertificateRequest } from "../../support/talosctl/fake";
import { skip } from "../../support/skip";
import { certificateRequest as request, own } from "./requests";
import { on, refuse, run, steps, succeed } from "./steps";
import { addresses, world } from "./worlds";

const asked = (...requests: CertificateRequest[]) =>
  world("running", ({ kubernetes, nodes }) => {
    kubernetes.requests = requests;
    nodes[addresses.worker1]!.addresses = ["fd00::28/64"];
  });

describe("approving the certificates of kubelets", function () {
  this.timeout(120_000);
  before(function () {
    if (spawnSync("openssl", ["version"]).status !== 0) skip(this, "openssl is not installed");
  });

  it("approves the requests of the cluster's nodes, once, and ignores every other", () =>
    on(
      asked(
        request("own"),
        request("stranger", { user: "system:node:stranger" }),
        request("person", { user: "worker-1" }),
        request("client", { signer: "kubernetes.io/kube-apiserver-client" }),
        request("done", { user: "system:node:controlplane", approved: true }),
      ),
      async (talos) => {
        const { code, stdout, stderr } = await run(talos, steps.approve);
        assert.equal(code, 0, stderr);
        assert.equal((JSON.parse(stdout) as { count: string }).count, "1");
        assert.equal(stderr, "");
        const approved = talos.world.kubernetes.requests.filter((each) => each.approved).map(({ name }) => name);
        assert.deepEqual(approved, ["own", "done"]);
      },
    ));

  it("accepts a node's other addresses, which Talos reports, in any form", () =>
    on(asked(request("two", {}, `${own},IP:FD00:0:0:0:0:0:0:28`)), async (talos) => {
      assert.deepEqual(await succeed(talos, steps.approve), { result: "approved", count: "1" });
    }));

  const wrong: Record<string, [CertificateRequest, RegExp]> = {
    "an address of another node": [
      request("wrong", {}, `${own},IP:${addresses.controlPlane}`),
      /worker-1 does not have the address 192\.168\.128\.27/,
    ],
    "another name": [request("wrong", {}, `${own},DNS:kubernetes.default.svc`), /DNS:kubernetes\.default\.svc is not/],
    "a name of another kind": [request("wrong", {}, `${own},URI:https://worker-1`), /URI:https:\/\/worker-1 is not/],
    "another node's subject": [
      request("wrong", {}, own, "/O=system:nodes/CN=system:node:controlplane"),
      /its subject is CN=system:node:controlplane,O=system:nodes/,
    ],
    "another organisation": [
      request("wrong", {}, own, "/O=system:masters/CN=system:node:worker-1"),
      /its subject is CN=system:node:worker-1,O=system:masters/,
    ],
    "a usage of clients": [
      request("wrong", { usages: ["digital signature", "server auth", "client auth"] }),
      /its usages are \["digital signature","server auth","client auth"\]/,
    ],
    "no usage of servers": [
      request("wrong", { usages: ["digital signature"] }),
      /its usages are \["digital signature"\]/,
    ],
    "a sender outside the nodes' group": [
      request("wrong", { groups: ["system:authenticated"] }),
      /its sender is not in the group system:nodes/,
    ],
    "something that is not a certificate request": [
      request("wrong", { request: Buffer.from("nothing").toString("base64") }),
      /it cannot be read/,
    ],
  };
  for (const [what, [made, reason]] of Object.entries(wrong)) {
    it(`does not approve, and reports with the reason, a request with ${what}`, () =>
      on(asked(made), async (talos) => {
        const { code, stdout, stderr } = await run(talos, steps.approve);
        assert.equal(code, 0, stderr);
        assert.equal((JSON.parse(stdout) as { count: string }).count, "0");
        assert.match(stderr, reason);
        assert.match(stderr, /^certificate request wrong of worker-1 is not approved: /);
        assert.ok(talos.world.kubernetes.requests.every(({ approved }) => !approved));
      }));
  }

  it("reports which node has not joined, and that one which had left has to be rebooted", () =>
    on(
      world("running", ({ kubernetes }) => {
        kubernetes.nodes = ["controlplane"];
      }),
      async (talos) => {
        const output = await refuse(talos, steps.approve, { TALOS_DEADLINE: "1" });
        assert.match(output, /not joined in time: worker-1[\s\S]*next: .*has to be rebooted/);
      },
    ));
});
