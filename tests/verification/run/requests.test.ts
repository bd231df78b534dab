import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { text } from "node:stream/consumers";
import { skip } from "../../support/skip";
import type { ProbeRequest } from "../../../components/verification/probe";
import {
  type ClientObservation,
  curlCommand,
  curlConfig,
  type PreparedRequest,
  readOutput,
} from "../../../components/verification/run/requests";

/** What a server got. */
interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly clientPort: number | undefined;
}

describe("requests, by a real curl", function () {
  this.timeout(20_000);
  const received: Received[] = [];
  let server: Server;
  let port: number;
  let inFlight = 0;
  let most = 0;

  before(async function () {
    if (spawnSync("curl", ["--version"]).error) skip(this, "curl is not installed");
    server = createServer((request, response) => {
      most = Math.max(most, ++inFlight);
      const { method = "", url = "", headers, socket } = request;
      received.push({ method, url, headers, clientPort: socket.remotePort });
      response.on("close", () => (inFlight -= 1));
      if (url === "/cut") return socket.destroy();
      if (url === "/silent") return undefined;
      const answer = () =>
        response.writeHead(url === "/404" ? 404 : 200, { "X-Two": ["a", 'b "quoted"'] }).end("a body\n");
      // As long as others may come meanwhile.
      return url === "/together" ? setTimeout(answer, 100) : answer();
    });
    port = await listen(server);
  });
  after(() => {
    server?.closeAllConnections();
    server?.close();
  });
  beforeEach(() => {
    received.length = 0;
    most = 0;
  });

  async function run(
    requests: readonly (ProbeRequest & { readonly token_?: string; readonly port_?: number })[],
    concurrency = 4,
  ): Promise<ClientObservation[]> {
    const prepared = requests.map(({ token_, port_, ...request }, index): PreparedRequest => {
      const address = { host: "shop.example", port: 80, connect: { host: "127.0.0.1", port: port_ ?? port } };
      return { id: `run-1-${index}`, request, address, ...(token_ !== undefined && { token: token_ }) };
    });
    const { argv, stdin } = curlCommand(curlConfig(prepared, concurrency));
    const [program = "", ...args] = argv;
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "ignore"] });
    // As in a pod, standard input is not ended.
    child.stdin.write(stdin);
    const stdout = await text(child.stdout);
    child.stdin.destroy();
    const observations = readOutput(stdout, prepared);
    return prepared.map(({ id }) => {
      const observation = observations.get(id);
      assert.ok(observation, `${id}: ${stdout}`);
      return observation;
    });
  }

  const to = { kind: "service", namespace: "shop", name: "front", port: 80 } as const;

  it("have headers of their own, and a connection each", async () => {
    await run(Array.from({ length: 20 }, () => ({ to })));
    const values = (name: string) => new Set(received.map(({ headers }) => headers[name]));
    assert.equal(values("x-talos-mesh-probe").size, 20);
    assert.equal(values("x-request-id").size, 20);
    assert.equal(new Set(received.map(({ clientPort }) => clientPort)).size, 20);
    assert.deepEqual([...values("host")], ["shop.example"]);
  });

  it("are observed with status, headers by lower-case name, and the beginning of the body", async () => {
    const [found, missing] = await run([
      { to, path: "/a?b=[1]{2}/../c" },
      { to, path: "/404" },
    ]);
    assert.deepEqual(received.map(({ url }) => url).sort(), ["/404", "/a?b=[1]{2}/../c"], "curl changes no path");
    assert.deepEqual([found?.status, found?.exitCode, found?.body], [200, 0, "a body\n"]);
    assert.equal(found?.headers["x-two"], 'a, b "quoted"');
    assert.ok(found.seconds > 0 && found.seconds < 5);
    assert.equal(missing?.status, 404);
  });

  it("keep to the number that may be sent at the same time", async () => {
    const together = Array.from({ length: 9 }, () => ({ to, path: "/together" }));
    await run(together, 1);
    assert.equal(most, 1);
    await run(together, 3);
    assert.equal(most, 3);
  });

  it("have the method, and what headers say whatever their characters", async () => {
    const headers = { "user-agent": 'a "b" \\c', empty: "", host: "other.example" };
    await run(
      [
        { to, method: "HEAD" },
        { to, method: "POST", headers },
        { to, method: "OPTIONS" },
      ],
      1,
    );
    assert.deepEqual(
      received.map(({ method }) => method),
      ["HEAD", "POST", "OPTIONS"],
    );
    const post = received[1]?.headers ?? {};
    assert.deepEqual(
      [post["user-agent"], post.empty, post.host, post["content-length"], post["content-type"]],
      ['a "b" \\c', "", "other.example", "0", undefined],
    );
  });

  it("send a token in the header, parameter or cookie where it is wanted", async () => {
    const token = { issuer: "https://issuer.example" };
    const header = { header: "x-token", prefix: "T " };
    await run(
      [
        { to, token, token_: "abc" },
        { to, token: { ...token, in: header }, token_: "abc" },
        { to, token: { ...token, in: { param: "t" } }, path: "/x?y=1", token_: "a+c" },
        { to, token: { ...token, in: { cookie: "session" } }, token_: "abc" },
      ],
      1,
    );
    const [bearer, named, param, cookie] = received;
    assert.equal(bearer?.headers.authorization, "Bearer abc");
    assert.equal(named?.headers["x-token"], "T abc");
    assert.equal(param?.url, "/x?y=1&t=a%2Bc");
    assert.equal(cookie?.headers.cookie, "session=abc");
  });

  it("tell a refused, a cut and a silent connection apart", async () => {
    const refused = createTcpServer();
    const closed = await listen(refused);
    refused.close();
    await once(refused, "close");
    const [none, cut, silent] = await run([
      { to, port_: closed },
      { to, path: "/cut" },
      { to, path: "/silent", timeoutSeconds: 1 },
    ]);
    assert.deepEqual([none?.exitCode, cut?.exitCode, silent?.exitCode], [7, 52, 28]);
    assert.deepEqual([none?.status, cut?.status, silent?.status], [0, 0, 0]);
    assert.deepEqual([none?.connected, cut?.connected, silent?.connected], [false, true, true]);
    assert.match(none?.error ?? "", /Couldn't connect|Could not connect/);
  });

  it("of connections send a line and count an answer, an end without one, and none", async () => {
    const lines: string[] = [];
    const echo = createTcpServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", (data) => {
        lines.push(data.toString());
        socket.write(data);
      });
    });
    const closing = createTcpServer((socket) => socket.once("data", () => socket.end()));
    const [echoPort, closingPort] = [await listen(echo), await listen(closing)];
    const tcp = { to, scheme: "tcp", timeoutSeconds: 1 } as const;
    const [answered, ended, silent] = await run([
      // Long enough on a busy machine.
      { ...tcp, timeoutSeconds: 5, port_: echoPort },
      { ...tcp, timeoutSeconds: 5, port_: closingPort },
      { ...tcp, port_: await silentPort() },
    ]);
    assert.deepEqual(lines, ["\u0001\r\n"]);
    assert.deepEqual([answered?.exitCode, ended?.exitCode, silent?.exitCode], [0, 52, 28]);
    for (const one of [echo, closing]) one.close();
  });

  it("of connections send too little for a server that closes those with a wrong length", async () => {
    // As PostgreSQL does: a length of 4 bytes first.
    const database = createTcpServer((socket) => {
      let read = Buffer.alloc(0);
      socket.on("error", () => undefined);
      socket.on("data", (data: Buffer) => {
        read = Buffer.concat([read, data]);
        if (read.length >= 4 && read.readUInt32BE() > 10_000) socket.destroy();
      });
    });
    const [open] = await run([{ to, scheme: "tcp", timeoutSeconds: 1, port_: await listen(database) }]);
    assert.equal(open?.exitCode, 28, "it keeps the connection");
    database.close();
  });

  const silentServers: { close(): void }[] = [];
  async function silentPort(): Promise<number> {
    const silent = createTcpServer((socket) => socket.on("error", () => undefined).resume());
    silentServers.push(silent);
    return listen(silent);
  }
  after(() => {
    for (const silent of silentServers) silent.close();
  });
});

async function listen(
  server: { listen(port: number, host: string): unknown; address(): unknown } & NodeJS.EventEmitter,
) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
