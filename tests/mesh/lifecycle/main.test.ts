import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import path from "node:path";
import { stringify } from "yaml";
import { projectRoot } from "../../support/program";

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a step as the provider does: a process, its input in the environment, the kubeconfig on stdin. */
function runStep(step: string, request: object | string, kubeconfig: string): Promise<Ended> {
  const child = spawn(process.execPath, [path.join("components", "mesh", "lifecycle", "run.cjs"), step], {
    cwd: projectRoot,
    env: { ...process.env, MESH_STEP: typeof request === "string" ? request : JSON.stringify(request) },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (part: Buffer) => (stdout += part.toString()));
  child.stderr.on("data", (part: Buffer) => (stderr += part.toString()));
  child.stdin.end(kubeconfig);
  return new Promise((resolve, reject) => {
    child.once("error", reject).once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

function kubeconfig(server: string): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server } }],
    users: [{ name: "u", user: { token: "a-token-to-keep-secret" } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  });
}

/** A port of this machine without a listener. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  assert.ok(address !== null && typeof address === "object");
  return address.port;
}

describe("a step's command line", () => {
  it("lists the steps where the step is unknown", async () => {
    const { code, stderr } = await runStep("upgrade", {}, "");
    assert.equal(code, 1);
    assert.match(stderr, /no verb "upgrade"\nnext: expected one of: upgrade-check, cni-gate, ready/);
  });

  it("reports a request that is missing or no JSON", async () => {
    const { code, stderr } = await runStep("retire", "", "");
    assert.deepEqual([code, stderr], [1, "istio retire: MESH_STEP: not set; it must hold the request as JSON\n"]);
    assert.match((await runStep("retire", "{revision", "")).stderr, /MESH_STEP: not JSON: \{revision/);
  });

  it("reports a kubeconfig that cannot be used, and where it is set", async () => {
    const { code, stderr } = await runStep("retire", { revision: "default" }, "apiVersion: v1\nkind: Config\n");
    assert.equal(code, 1);
    assert.match(stderr, /the kubeconfig cannot be used: .*\nnext: .*talos-mesh:cluster\.kubeconfig/);
  });

  it("reports that the API server does not respond, without the token, and prints no result", async () => {
    const { code, stdout, stderr } = await runStep(
      "retire",
      { revision: "default" },
      kubeconfig(`https://127.0.0.1:${await freePort()}`),
    );
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(
      stderr,
      /the cluster's API server does not respond: .*ECONNREFUSED[^]*next: see whether the cluster is up/,
    );
    assert.ok(!stderr.includes("a-token"));
  });
});
