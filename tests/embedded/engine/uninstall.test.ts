import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { ApiServer } from "../../../components/shared/kubernetes/api-server";
import { Helm } from "../../../embedded/engine/releases";

// As Helm 4 says it, its record already gone. Source: helm/helm, pkg/action/uninstall.go and pkg/kube/statuswait.go.
const completedWith = "Error: uninstallation completed with";
const stillThere =
  "resource Deployment/shop/web still exists. status: Terminating, message: Resource scheduled for deletion\n" +
  "context deadline exceeded";

describe("an uninstallation that Helm gives up waiting for", () => {
  let folder: string;
  let http: Server;
  let server: ApiServer;
  let helm: Helm;
  /** The Deployment as each look finds it, the last one from then on; undefined where it is gone. */
  let deployment: (Record<string, unknown> | undefined)[];
  let asked: string[];

  const terminating = {
    metadata: {
      ...{ name: "web", namespace: "shop", uid: "1", deletionTimestamp: "2026-01-01T00:00:00Z" },
      finalizers: ["foregroundDeletion"],
    },
  };

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-helm-"));
    asked = [];
    http = createServer(({ method = "", url = "" }, response) => {
      asked.push(`${method} ${url}`);
      const body = answer(method, url);
      // As an aggregated API whose server is down.
      const missing = url === "/apis/metrics.k8s.io/v1beta1" ? 503 : 404;
      response.writeHead(body === undefined ? missing : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(body ?? { message: "not found" }));
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const kubeconfig = JSON.stringify({
      clusters: [
        {
          name: "fake",
          cluster: {
            server: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
            "insecure-skip-tls-verify": true,
          },
        },
      ],
      users: [{ name: "fake", user: {} }],
      contexts: [{ name: "fake", context: { cluster: "fake", user: "fake" } }],
      "current-context": "fake",
    });
    server = await ApiServer.open({ kubeconfig });
    helm = new Helm({ path: path.join(folder, "helm"), version: "4.1.4" }, folder, { kubeconfig });
  });
  afterEach(async () => {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  });

  function answer(method: string, url: string): unknown {
    const groups = ["metrics.k8s.io/v1beta1", "apps/v1"];
    if (url === "/apis") return { groups: groups.map((groupVersion) => ({ preferredVersion: { groupVersion } })) };
    if (url === "/api/v1") return { resources: [{ name: "services", kind: "Service", namespaced: true }] };
    if (url === "/apis/apps/v1") return { resources: [{ name: "deployments", kind: "Deployment", namespaced: true }] };
    if (url !== "/apis/apps/v1/namespaces/shop/deployments/web") return undefined;
    if (method === "DELETE") return {};
    return deployment.length > 1 ? deployment.shift() : deployment[0];
  }

  function helmSays(text: string): void {
    const file = path.join(folder, "helm");
    writeFileSync(file, `#!/bin/sh\ncat >&2 <<'END'\n${text}\nEND\nexit 1\n`);
    chmodSync(file, 0o755);
  }

  const uninstall = (options: { readonly leftoverMs?: number } = {}) =>
    helm.uninstall(server, { name: "web", namespace: "shop" }, { cwd: folder, ...options });

  it("is waited for to its end", async () => {
    helmSays(`${completedWith} 1 error(s): ${stillThere}`);
    deployment = [terminating, terminating, terminating, undefined];
    await uninstall();
    assert.equal(asked.at(-1), "GET /apis/apps/v1/namespaces/shop/deployments/web");
    assert.equal(deployment.length, 1);
  });

  it("is over where somebody has made a new object of the name, which is left alone", async () => {
    helmSays(`${completedWith} 1 error(s): ${stillThere}`);
    deployment = [{ metadata: { name: "web", namespace: "shop", uid: "2" } }];
    await uninstall();
    assert.deepEqual(
      asked.filter((each) => each.startsWith("DELETE")),
      [],
    );
  });

  it("ends after a limit with what is there, what holds it, and what to do", async () => {
    helmSays(`${completedWith} 1 error(s): ${stillThere}`);
    deployment = [terminating];
    await assert.rejects(
      uninstall({ leftoverMs: 1 }),
      /Deployment shop\/web is still there .*finalizers foregroundDeletion.*kubectl -n shop describe deployment web.*same command/s,
    );
  });

  it("fails at once where anything else went wrong as well", async () => {
    deployment = [terminating];
    for (const text of [
      `${completedWith} 2 error(s): ${stillThere}; timed out waiting for the condition`,
      `${completedWith} 1 error(s): uninstall: Failed to purge the release: secrets "web" is forbidden`,
      "Error: failed to delete release: web",
    ]) {
      helmSays(text);
      await assert.rejects(uninstall(), (error: Error) => error.message === `helm uninstall failed\n${text}`);
    }
    assert.deepEqual(asked, []);
  });
});
