import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { stringify } from "yaml";
import { ApiServer } from "../../../components/shared/kubernetes/api-server";

describe("the client of the API server", () => {
  const token = "abcdef.0123456789abcdef";
  const unusable: Readonly<Record<string, readonly [kubeconfig: string, message: RegExp]>> = {
    "a folder": ["/", /^the kubeconfig \/ cannot be read \(EISDIR\)$/],
    "a name of 250 characters": ["x".repeat(256), /cannot be read \(ENAMETOOLONG\)$/],
    "a file below a file": [`${__filename}/config`, /cannot be read \(ENOTDIR\)$/],
    "an empty file": ["/dev/null", /^the kubeconfig \/dev\/null is not one$/],
    "another form of YAML": [`users: [{user: {token: ${token}}}\n`, /^the kubeconfig is not one$/],
    "a mapping of something else": [`clusters: 5\nusers: ${token}\n`, /^the kubeconfig has no usable context$/],
    "no cluster": [
      "apiVersion: v1\nkind: Config\nclusters: []\nusers: []\ncontexts: []\n",
      /^the kubeconfig has no usable context$/,
    ],
  };
  for (const [what, [kubeconfig, message]] of Object.entries(unusable)) {
    it(`reports a kubeconfig that is ${what}, without its content`, async () => {
      await assert.rejects(ApiServer.open({ kubeconfig }), (error: Error) => {
        assert.equal(error.name, "UserError");
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, new RegExp(token));
        return true;
      });
    });
  }

  it("sends the options of a deletion, and nothing of them to the next request", async () => {
    const requests: string[] = [];
    const http = createServer((request, response) => {
      void text(request).then((body) => {
        requests.push(`${request.method} ${request.url} ${body}`);
        response.end(JSON.stringify({ resources: [{ name: "leases", kind: "Lease", namespaced: true }], items: [] }));
      });
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const server = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    const kubeconfig = stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "a", cluster: { server, "insecure-skip-tls-verify": true } }],
      users: [{ name: "a", user: {} }],
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
      "current-context": "a",
    });
    try {
      const api = await ApiServer.open({ kubeconfig });
      const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace: "shop" };
      const preconditions = { resourceVersion: "7" };
      for (const name of ["one", "two"]) await api.delete({ ...lease, name }, undefined, { preconditions });
      await api.list(lease);
      const options = JSON.stringify({
        apiVersion: "v1",
        kind: "DeleteOptions",
        propagationPolicy: "Background",
        preconditions,
      });
      const path = "/apis/coordination.k8s.io/v1";
      assert.deepEqual(requests, [
        `GET ${path} `,
        `DELETE ${path}/namespaces/shop/leases/one ${options}`,
        `DELETE ${path}/namespaces/shop/leases/two ${options}`,
        `GET ${path}/namespaces/shop/leases `,
      ]);
    } finally {
      http.closeAllConnections();
      http.close();
    }
  });
});
