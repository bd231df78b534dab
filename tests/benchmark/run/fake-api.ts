import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** An object of an API server; without a namespace it belongs to the cluster. */
export interface StoredObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

/** As much of an API server as one needs to read objects: discovery, lists and single ones. It takes no changes. */
export class ReadOnlyApi {
  private constructor(private readonly server: Server) {}

  /** @param texts what is no object, by path */
  static async start(
    objects: readonly StoredObject[],
    texts: Readonly<Record<string, string>> = {},
  ): Promise<ReadOnlyApi> {
    const server = createServer((request, response) => {
      const path = new URL(request.url ?? "", "http://x").pathname;
      const text = texts[path];
      if (text !== undefined) return void response.end(text);
      const body = request.method === "GET" ? answer(objects, path) : undefined;
      const status = { kind: "Status", message: request.method === "GET" ? `no ${path}` : "nothing may be changed" };
      response.writeHead(body ? 200 : request.method === "GET" ? 404 : 403, { "content-type": "application/json" });
      response.end(JSON.stringify(body ?? status));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new ReadOnlyApi(server);
  }

  /** Text of a kubeconfig that leads here. */
  get kubeconfig(): string {
    const { port } = this.server.address() as AddressInfo;
    return JSON.stringify({
      ...{ apiVersion: "v1", kind: "Config", "current-context": "a" },
      clusters: [{ name: "a", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } }],
      users: [{ name: "a", user: {} }],
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    });
  }

  async stop(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, "close");
  }
}

function answer(objects: readonly StoredObject[], path: string): object | undefined {
  if (path === "/version") return { gitVersion: "v1.36.3" };
  // /api/v1/... or /apis/GROUP/VERSION/...
  const parts = path.split("/").slice(1);
  const version = parts.slice(1, parts[0] === "api" ? 2 : 3).join("/");
  const below = parts.slice(parts[0] === "api" ? 2 : 3);
  const known = objects.filter((object) => object.apiVersion === version);
  if (below.length === 0) {
    const kinds = new Map(known.map((object) => [object.kind, object.metadata.namespace !== undefined]));
    return { resources: [...kinds].map(([kind, namespaced]) => ({ name: plural(kind), kind, namespaced })) };
  }
  const [namespace, collection, name] =
    below[0] === "namespaces" && below.length > 2 ? below.slice(1) : [undefined, ...below];
  const found = known.filter(
    ({ kind, metadata }) => plural(kind) === collection && (namespace ?? metadata.namespace) === metadata.namespace,
  );
  return name === undefined ? { items: found } : found.find(({ metadata }) => metadata.name === name);
}

function plural(kind: string): string {
  return kind === "Telemetry" ? "telemetries" : `${kind.toLowerCase()}s`;
}
