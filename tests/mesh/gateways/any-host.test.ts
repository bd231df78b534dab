import assert from "node:assert/strict";
import { unwrapSecrets } from "../../../embedded/program/run-program";
import { runStack } from "../../support/program";

describe("a self-signed certificate for any host", function () {
  this.timeout(60_000);

  for (const [nodeAddress, name] of [
    ["192.0.2.7", "IP:192.0.2.7"],
    ["node.example.com", "DNS:node.example.com"],
  ] as const) {
    it(`names the nodes: ${nodeAddress}`, async () => {
      const stack = await runStack({
        config: {
          environment: "dev",
          cluster: { kind: "existing", name: "any", kubeconfig: { file: "./kubeconfig" }, nodeAddress },
          charts: { source: "https://charts.example.com" },
          mesh: { version: "1.31.1" },
          gateways: { ingress: { ports: { https: { port: 443, nodePort: 30443 } }, tls: { selfSigned: true } } },
          bookinfo: {},
          traffic: { services: [{ host: "productpage", gateways: ["ingress"], hosts: ["*"], http: [{}] }] },
        },
      });
      const made = stack.one("command:local:Command", "gateway-certificates-ingress-self-signed");
      const { SUBJECT_ALT_NAMES } = unwrapSecrets(made.inputs.environment) as Record<string, string>;
      assert.equal(SUBJECT_ALT_NAMES, `${name},DNS:localhost,IP:127.0.0.1`);
      assert.deepEqual(stack.outputs.urls, [`https://${nodeAddress}:30443/`]);
    });
  }
});
