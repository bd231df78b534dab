import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { ExecError } from "../../../components/shared/kubernetes/errors";
import { execInPod, type ExecOptions } from "../../../components/shared/kubernetes/pod-streams";
import { ApiServer } from "../../../components/shared/kubernetes/api-server";

/** Streams of Kubernetes' remote commands, by the first byte of a message. */
const streams = { stdout: 1, stderr: 2, status: 3 } as const;

/** A message of WebSocket (RFC 6455, 5.2), unmasked as servers send them. */
function message(stream: number, content: string | Buffer): Buffer {
  const payload = Buffer.concat([Buffer.of(stream), Buffer.from(content)]);
  const long = payload.length > 125;
  const head = long ? Buffer.of(0x82, 126, payload.length >> 8, payload.length & 255) : Buffer.of(0x82, payload.length);
  return Buffer.concat([head, payload]);
}

describe("a command in a pod", () => {
  let server: Server;
  let api: ApiServer;
  let asked: URL;
  const sockets: Duplex[] = [];
  let answer: (socket: Duplex) => void;

  beforeEach(async () => {
    server = createServer((_, response) => response.writeHead(404).end());
    server.on("upgrade", (request, socket) => {
      asked = new URL(request.url ?? "", "http://x");
      const key = `${request.headers["sec-websocket-key"] ?? ""}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
      const accept = createHash("sha1").update(key).digest("base64");
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
          `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n`,
      );
      socket.on("error", () => undefined);
      sockets.push(socket);
      answer(socket);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const kubeconfig = JSON.stringify({
      ...{ apiVersion: "v1", kind: "Config", "current-context": "a" },
      clusters: [{ name: "a", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } }],
      users: [{ name: "a", user: { token: "t" } }],
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    });
    api = await ApiServer.open({ kubeconfig });
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    server.close();
    await once(server, "close");
  });

  const target = { namespace: "bench-none", pod: "client-abc", container: "fortio" };
  const run = (options?: ExecOptions) => execInPod(api, target, ["fortio", "load", "-c", "1"], options);

  it("returns what it printed, in order and to the byte, and its exit code", async () => {
    const binary = Buffer.from(Array.from({ length: 300 }, (_, index) => index % 256));
    answer = (socket) => {
      socket.write(message(streams.stdout, binary));
      socket.write(message(streams.stderr, "a warning"));
      socket.write(message(streams.stdout, "end"));
      socket.write(message(streams.status, JSON.stringify({ status: "Success" })));
    };
    const result = await run();
    assert.deepEqual(result.stdout, Buffer.concat([binary, Buffer.from("end")]));
    assert.deepEqual([result.stderr, result.exitCode], ["a warning", 0]);
    assert.equal(asked.pathname, "/api/v1/namespaces/bench-none/pods/client-abc/exec");
    assert.deepEqual(asked.searchParams.getAll("command"), ["fortio", "load", "-c", "1"]);
    assert.equal(asked.searchParams.get("container"), "fortio");
  });

  it("returns the exit code of a failed command, and the reason why one could not be started", async () => {
    const failed = (causes: object[], message: string) =>
      JSON.stringify({ status: "Failure", message, details: { causes } });
    answer = (socket) =>
      socket.write(message(streams.status, failed([{ reason: "ExitCode", message: "3" }], "exit code 3")));
    assert.equal((await run()).exitCode, 3);
    answer = (socket) => socket.write(message(streams.status, failed([], "no such file or directory")));
    const { exitCode, stderr } = await run();
    assert.deepEqual([exitCode, stderr], [-1, "no such file or directory"]);
  });

  it("is an ExecError where the connection breaks, or is refused", async () => {
    answer = (socket) => {
      socket.write(message(streams.stdout, "half"));
      socket.end();
    };
    await assert.rejects(
      run(),
      (error: unknown) => error instanceof ExecError && /client-abc was closed while fortio/.test(error.message),
    );
    server.removeAllListeners("upgrade");
    server.on("upgrade", (_, socket) => socket.end("HTTP/1.1 403 Forbidden\r\n\r\n"));
    await assert.rejects(run(), (error: unknown) => error instanceof ExecError && /403/.test(error.message));
  });

  it("ends when the signal is aborted", async () => {
    const stop = new AbortController();
    answer = () => stop.abort(new Error("stopped"));
    await assert.rejects(run({ signal: stop.signal }), /stopped/);
    await assert.rejects(run({ signal: stop.signal }), /stopped/);
  });

  for (const [when, silent] of [
    ["dies while the command runs", (socket: Duplex) => void socket.write(message(streams.stdout, "half"))],
    ["never answers", undefined],
  ] as const) {
    it(`is an ExecError after its time where the other side ${when}, and the connection is closed`, async () => {
      let closed: Promise<unknown> | undefined;
      if (silent) {
        answer = (socket) => {
          silent(socket);
          closed = once(socket, "data");
        };
      } else {
        server.removeAllListeners("upgrade");
        server.on("upgrade", (_, socket) => void sockets.push(socket));
      }
      await assert.rejects(
        run({ seconds: 0.2 }),
        (error: unknown) =>
          error instanceof ExecError && error.message === "fortio in client-abc has not ended within 0.2 s",
      );
      // A WebSocket's wish to end.
      await closed;
    });
  }
});
