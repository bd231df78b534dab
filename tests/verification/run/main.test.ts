import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { text } from "node:stream/consumers";
import { stringify } from "yaml";
import { contextVariable, requestVariable } from "../../../components/verification/run/request";

const program = path.resolve(__dirname, "../../../components/verification/run/verify.cjs");

describe("destroying a stack with verification", function () {
  this.timeout(60_000);
  let server: Server | undefined;
  afterEach(() => server?.close());

  async function remove(kubeconfig: string) {
    const { [contextVariable]: context, ...env } = process.env;
    assert.equal(context, undefined);
    const child = spawn(process.execPath, [program, "remove"], { env: { ...env, [requestVariable]: "{}" } });
    child.stdin.end(JSON.stringify({ kubeconfig, input: {} }));
    const [stderr, code] = await Promise.all([
      text(child.stderr),
      new Promise<number | null>((resolve) => child.once("close", resolve)),
    ]);
    return { stderr, code };
  }

  const kubeconfigOf = (url: string) =>
    stringify({
      ...{
        apiVersion: "v1",
        kind: "Config",
        "current-context": "a",
        users: [{ name: "a", user: { token: "secret" } }],
      },
      clusters: [{ name: "a", cluster: { server: url, "insecure-skip-tls-verify": true } }],
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    });

  async function answering(status: number, message: string): Promise<string> {
    server = createServer((request, response) => {
      request.resume();
      // Discovery works; the login may do nothing.
      const lists = /^\/(api|apis\/[^/]+)\/v1$/.test(request.url ?? "");
      response.statusCode = lists && status === 403 ? 200 : status;
      const kinds = ["Pod", "Service", "Namespace", "PriorityClass", "Lease"];
      const resources = kinds.map((kind) => ({ name: `${kind.toLowerCase()}s`, kind, namespaced: true }));
      response.end(JSON.stringify(response.statusCode === 200 ? { resources } : { kind: "Status", message }));
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server?.once("listening", resolve));
    return kubeconfigOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  for (const [what, kubeconfig, message] of [
    ["refuses the login (401)", () => answering(401, "Unauthorized"), /Unauthorized/],
    ["gives it no right (403)", () => answering(403, "pods is forbidden"), /pods is forbidden/],
    ["is another server by now (404)", () => answering(404, "page not found"), /no kind Pod/],
    ["does not answer", () => Promise.resolve(kubeconfigOf("https://127.0.0.1:1")), /ECONNREFUSED/],
    ["has a kubeconfig that is none any more", () => Promise.resolve("apiVersion: v1\n"), /kubeconfig cannot be used/],
  ] as const) {
    it(`goes on with a warning where the cluster ${what}`, async () => {
      const { stderr, code } = await remove(await kubeconfig());
      assert.equal(code, 0, stderr);
      assert.match(stderr, /Warning: clients of probes are not removed, if there are any: /);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /secret/);
    });
  }
});
