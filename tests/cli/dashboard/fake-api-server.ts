import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { stringify } from "yaml";
import { acceptPortForward, frame } from "../../support/port-forward";

/** A pod of the fake cluster: what it answers on its port, or what the node says instead. */
export interface FakePod {
  readonly ready: boolean;
  readonly waiting?: string;
  /** Answers what it is sent; undefined refuses the tunnel. */
  readonly answer?: (sent: string) => string;
  /** What the node says on the stream of errors. */
  readonly complaint?: string;
}

/** As much of an API server as `npm run dashboard` asks: a Service, pods, a Secret, a token, and tunnels to pods. */
export class FakeApiServer {
  readonly pods = new Map<string, FakePod>();
  service: object | undefined = {
    spec: { selector: { app: "grafana" }, ports: [{ port: 3000, targetPort: "web" }] },
  };
  secret: Record<string, string> = { "admin-password": "hunter2" };
  /** Status of every answer but those of tunnels; 0 answers as it should. */
  refuses = 0;
  /** Ports that tunnels were opened to. */
  readonly tunnelled: string[] = [];
  private readonly sockets = new Set<Duplex>();

  private constructor(private readonly server: Server) {
    server.on("request", (request, response) => {
      const body = this.refuses > 0 ? undefined : this.answer(request);
      response.writeHead(this.refuses || (body ? 200 : 404), { "content-type": "application/json" });
      response.end(JSON.stringify(body ?? { kind: "Status", message: "no" }));
    });
    server.on("upgrade", (request: IncomingMessage, socket: Duplex) => this.tunnel(request, socket));
  }

  static async start(): Promise<FakeApiServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new FakeApiServer(server);
  }

  /** Text of a kubeconfig that leads here. */
  get kubeconfig(): string {
    const { port } = this.server.address() as AddressInfo;
    return stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "fake", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } }],
      users: [{ name: "fake", user: {} }],
      contexts: [{ name: "fake", context: { cluster: "fake", user: "fake" } }],
      "current-context": "fake",
    });
  }

  /** Ends the tunnels that are open, as a pod that goes away does. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer({ url = "" }: IncomingMessage): object | undefined {
    const path = url.split("?")[0] ?? "";
    if (path === "/api/v1") {
      const kinds = ["Service", "Pod", "Secret"];
      return { resources: kinds.map((kind) => ({ name: `${kind.toLowerCase()}s`, kind, namespaced: true })) };
    }
    if (path.endsWith("/services/grafana")) return this.service;
    if (path.endsWith("/secrets/grafana-admin")) {
      const data = Object.entries(this.secret).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
      return { data: Object.fromEntries(data) as object };
    }
    if (path.endsWith("/serviceaccounts/kiali/token")) return { spec: { audiences: [] }, status: { token: "a-token" } };
    if (!path.endsWith("/pods")) return undefined;
    const items = [...this.pods].map(([name, { ready, waiting }]) => ({
      metadata: { name },
      spec: { containers: [{ name: "grafana", ports: [{ name: "web", containerPort: 3001 }] }] },
      status: {
        phase: ready ? "Running" : "Pending",
        conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
        containerStatuses: waiting ? [{ name: "grafana", state: { waiting: { reason: waiting } } }] : [],
      },
    }));
    return { items };
  }

  /** A WebSocket with the channels of Kubernetes: the first byte of a message is its stream, 0 data and 1 errors. */
  private tunnel(request: IncomingMessage, socket: Duplex): void {
    const [, name = "", port = ""] = /\/pods\/([^/]+)\/portforward\?ports=(\d+)/.exec(request.url ?? "") ?? [];
    const pod = this.pods.get(name);
    if (!pod?.answer) {
      socket.end("HTTP/1.1 500 Internal Server Error\r\nconnection: close\r\n\r\n");
      return;
    }
    this.tunnelled.push(`${name}:${port}`);
    this.sockets.add(socket);
    socket.on("error", () => socket.destroy());
    acceptPortForward(request, socket, Number(port));
    if (pod.complaint) {
      socket.write(frame(1, Buffer.from(pod.complaint)));
      socket.end();
      return;
    }
    const { answer } = pod;
    socket.on("data", (message: Buffer) => {
      const sent = dataOf(message);
      if (sent !== undefined) socket.write(frame(0, Buffer.from(answer(sent))));
    });
  }
}

/** What a client's short message says on the stream of data; undefined for messages that close. */
function dataOf(message: Buffer): string | undefined {
  const [kind = 0, length = 0] = message;
  if ((kind & 0x0f) !== 2) return undefined;
  const mask = message.subarray(2, 6);
  const content = message.subarray(6, 6 + (length & 0x7f)).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.from(content.subarray(1)).toString();
}
