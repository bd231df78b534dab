import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { stringify } from "yaml";
import { selfSigned } from "../../mesh/gateways/openssl";

/** An API server with fixed answers, over TLS; anything else is not found. Its clock may be wrong. */
export class FakeCluster {
  readonly answers = new Map<string, unknown>([
    ["/readyz", "ok"],
    ["/version", { gitVersion: "v1.29.1" }],
    ["/metrics", 'apiserver_storage_size_bytes{storage_cluster_id="etcd-0"} 2.5e+07\n'],
    ["/api/v1", { resources: ["Node", "Secret", "Pod", "ConfigMap"].map((kind) => resource(kind)) }],
    ["/apis/apps/v1", { resources: [resource("Deployment"), resource("DaemonSet")] }],
    ["/apis/coordination.k8s.io/v1", { resources: [resource("Lease")] }],
    ["/api/v1/nodes", { items: [] }],
    ["/apis/apps/v1/deployments", { items: [] }],
    ["/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", { items: [] }],
  ]);
  /** Seconds. */
  ahead = 0;
  private readonly pair;
  private readonly server: Server;

  constructor(days = 100) {
    this.pair = selfSigned("IP:127.0.0.1", days);
    this.server = createServer({ key: this.pair.privateKey, cert: this.pair.certificate }, (request, response) => {
      const path = new URL(request.url ?? "", "https://a").pathname;
      const answer = this.answers.get(path);
      response.sendDate = false;
      response.setHeader("date", new Date(Date.now() + 1000 * this.ahead).toUTCString());
      response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" });
      response.end(typeof answer === "string" ? answer : JSON.stringify(answer ?? { kind: "Status", message: "none" }));
    });
  }

  async start(): Promise<void> {
    this.server.listen(0, "127.0.0.1");
    await new Promise((resolve) => this.server.once("listening", resolve));
  }

  /** With the server's own certificate as that of the client. */
  get kubeconfig(): string {
    const { port } = this.server.address() as AddressInfo;
    const pem = (text: string) => Buffer.from(text).toString("base64");
    const certificate = pem(this.pair.certificate);
    return stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "a",
      clusters: [
        { name: "a", cluster: { server: `https://127.0.0.1:${port}`, "certificate-authority-data": certificate } },
      ],
      users: [
        { name: "a", user: { "client-certificate-data": certificate, "client-key-data": pem(this.pair.privateKey) } },
      ],
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    });
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

function resource(kind: string) {
  const namespaced = kind !== "Node";
  return { name: `${kind.toLowerCase()}s`, kind, namespaced };
}
