import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { connect, type AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { acceptPortForward, frame } from "../../support/port-forward";

/** A request that Grafana got. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly authorization: string;
  readonly body: string;
}

/** Messages of a WebSocket client (RFC 6455, 5.2), which are masked, out of pieces of any size. */
function* messages(buffer: Buffer): Generator<{ opcode: number; content: Buffer; end: number }> {
  for (let start = 0; buffer.length >= start + 6;) {
    const opcode = buffer.readUInt8(start) & 15;
    const short = buffer.readUInt8(start + 1) & 127;
    const mask = start + (short === 126 ? 4 : 2);
    const length = short === 126 ? buffer.readUInt16BE(start + 2) : short;
    const end = mask + 4 + length;
    if (buffer.length < end) return;
    const key = buffer.subarray(mask, mask + 4);
    const content = buffer.subarray(mask + 4, end).map((byte, index) => byte ^ (key[index % 4] ?? 0));
    yield { opcode, content: Buffer.from(content), end };
    start = end;
  }
}

/** An API server with a Grafana behind it, which is a server of its own that tunnels lead to. */
export class FakeGrafana {
  readonly received: Received[] = [];
  status = 200;
  /** Whether it ever answers. */
  silent = false;
  /** Whether a connection to its pod is ever made. */
  reachable = true;
  ready = true;
  login: Readonly<Record<string, string>> | undefined = { "admin-user": "admin", "admin-password": "s:cret" };
  /** Pods and ports that tunnels were opened to. */
  readonly tunnels: string[] = [];
  private readonly sockets = new Set<Duplex>();

  private constructor(
    private readonly api: Server,
    private readonly grafana: Server,
  ) {
    api.on("request", (request, response) => {
      const body = this.object(request.url ?? "");
      response.writeHead(body ? 200 : 404, { "content-type": "application/json" });
      response.end(JSON.stringify(body ?? { kind: "Status", message: "not found" }));
    });
    api.on("upgrade", (request: IncomingMessage, socket: Duplex) => this.tunnel(request, socket));
    grafana.on("request", (request, response) => {
      let body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => {
        const { method = "", url = "", headers } = request;
        this.received.push({ method, path: url, authorization: headers.authorization ?? "", body });
        if (!this.silent) response.writeHead(this.status).end('{"message":"Annotation added"}');
      });
    });
  }

  static async start(): Promise<FakeGrafana> {
    const servers = [createServer(), createServer()] as const;
    for (const server of servers) {
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
    }
    return new FakeGrafana(...servers);
  }

  get kubeconfig(): string {
    const { port } = this.api.address() as AddressInfo;
    return JSON.stringify({
      ...{ apiVersion: "v1", kind: "Config", "current-context": "a" },
      clusters: [{ name: "a", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } }],
      users: [{ name: "a", user: { token: "t" } }],
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    });
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    for (const server of [this.api, this.grafana]) {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    }
  }

  private object(url: string): object | undefined {
    const { pathname, searchParams } = new URL(url, "http://x");
    const named = (kind: string) => ({ name: kind.toLowerCase() + "s", kind, namespaced: true });
    if (pathname === "/api/v1") return { resources: ["Secret", "Service", "Pod"].map(named) };
    if (pathname === "/api/v1/namespaces/watch/secrets/grafana-admin" && this.login) {
      const data = Object.entries(this.login).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
      return { data: Object.fromEntries(data) as object };
    }
    if (pathname === "/api/v1/namespaces/watch/services/grafana") return { spec: { selector: { app: "g", b: "c" } } };
    if (pathname !== "/api/v1/namespaces/watch/pods" || searchParams.get("labelSelector") !== "app=g,b=c")
      return undefined;
    const pod = (name: string, ready: boolean) => ({
      metadata: { name },
      status: { conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
    });
    return { items: [pod("grafana-old", false), pod("grafana-new", this.ready)] };
  }

  private tunnel(request: IncomingMessage, socket: Duplex): void {
    const [, pod = "", port = ""] = /\/pods\/([^/]+)\/portforward\?ports=(\d+)/.exec(request.url ?? "") ?? [];
    this.tunnels.push(`${pod}:${port}`);
    if (!this.reachable) return void this.sockets.add(socket);
    acceptPortForward(request, socket, Number(port));
    const behind = connect((this.grafana.address() as AddressInfo).port, "127.0.0.1");
    for (const each of [socket, behind]) {
      this.sockets.add(each);
      each.on("error", () => each.destroy());
    }
    behind.on("data", (part: Buffer) => socket.write(frame(0, part)));
    let rest = Buffer.alloc(0);
    socket.on("data", (part: Buffer) => {
      rest = Buffer.concat([rest, part]);
      let done = 0;
      for (const { opcode, content, end } of messages(rest)) {
        if (opcode === 8) socket.end(Buffer.of(0x88, 0));
        else if (content[0] === 0) behind.write(content.subarray(1));
        done = end;
      }
      rest = rest.subarray(done);
    });
  }
}
