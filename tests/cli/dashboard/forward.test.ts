import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { Writable } from "node:stream";
import { show } from "../../../cli/commands/dashboard";
import { AddonInCluster, forward } from "../../../cli/dashboard/forward";
import type { StackPage } from "../../../cli/dashboard/page";
import { Terminal } from "../../../cli/report/terminal";
import { FakeApiServer } from "./fake-api-server";

type Forward = Awaited<ReturnType<typeof forward>>;

const grafana: StackPage = {
  page: "grafana",
  service: "grafana",
  port: 3000,
  path: "/",
  namespace: "observability",
  login: { kind: "password", user: "admin", secret: "grafana-admin", key: "admin-password" },
};

const upperCase = (sent: string) => sent.toUpperCase();

/** Sends a string to a port of this machine and gives the first response; undefined where the connection only ends. */
function ask(port: number, text: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => socket.destroy());
    socket.once("data", (data) => {
      resolve(data.toString());
      socket.destroy();
    });
    socket.once("close", () => resolve(undefined));
    socket.write(text);
  });
}

describe("forwarding a port", () => {
  const opened: Forward[] = [];
  afterEach(() => Promise.all(opened.splice(0).map((each) => each.close())));
  const open = async (...args: Parameters<typeof forward>) => {
    const each = await forward(...args);
    opened.push(each);
    return each;
  };

  it("says which port is taken, and what to do", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    await assert.rejects(
      forward(port, { connect: () => Promise.resolve() }, () => undefined),
      {
        name: "UserError",
        message: `Port ${port} of this machine is in use. Name another: --port ${port + 1}, or 0 for any.`,
      },
    );
    taken.close();
  });

  it("reports a connection that cannot be forwarded, and forwards the next", async () => {
    const failures: string[] = [];
    let broken = true;
    const destination = {
      connect: (socket: Socket) => {
        if (broken) return Promise.reject(new Error("no pod"));
        socket.end("hello");
        return Promise.resolve();
      },
    };
    const { port } = await open(0, destination, (message) => failures.push(message));
    assert.equal(await ask(port, "x"), undefined);
    broken = false;
    assert.equal(await ask(port, "x"), "hello");
    assert.deepEqual(failures, ["no pod"]);
  });

  it("ends open connections when it is closed", async () => {
    const accepted: Socket[] = [];
    const destination = {
      connect: (socket: Socket) => {
        accepted.push(socket);
        socket.write("hello");
        return Promise.resolve();
      },
    };
    const each = await forward(0, destination, () => undefined);
    const socket = connect(each.port, "127.0.0.1");
    await once(socket, "data");
    await Promise.all([once(socket, "close"), each.close()]);
    assert.ok(accepted.every((each) => each.destroyed));
  });
});

describe("an addon in its cluster", () => {
  let server: FakeApiServer;
  let logged: string[];
  let opened: Forward | undefined;
  beforeEach(async () => {
    server = await FakeApiServer.start();
    logged = [];
  });
  afterEach(async () => {
    await opened?.close();
    opened = undefined;
    await server.stop();
  });

  const addon = (page = grafana) =>
    AddonInCluster.open({ kubeconfig: server.kubeconfig }, page, (message) => logged.push(message));
  const through = async () => (opened = await forward(0, await addon(), (message) => logged.push(message))).port;

  it("is reached through a pod that is ready, on the port that the Service means by its name", async () => {
    server.pods.set("old", { ready: false, answer: () => "wrong" });
    server.pods.set("new", { ready: true, answer: upperCase });
    assert.equal(await ask(await through(), "hello"), "HELLO");
    assert.deepEqual(server.tunnelled, ["new:3001"]);
  });

  it("is reached through the next pod where one has gone, and says so", async () => {
    server.pods.set("one", { ready: true, answer: () => "one" });
    const port = await through();
    assert.equal(await ask(port, "x"), "one");
    server.pods.delete("one");
    server.pods.set("two", { ready: true, answer: () => "two" });
    assert.equal(await ask(port, "x"), "two");
    assert.deepEqual(logged, ["Pod one is gone; continuing with two."]);
  });

  it("ends a connection whose pod goes away", async () => {
    server.pods.set("one", { ready: true, answer: upperCase });
    const socket = connect(await through(), "127.0.0.1");
    socket.write("hello");
    await once(socket, "data");
    const ended = once(socket, "close");
    server.cut();
    await ended;
  });

  it("tells what the node says where nothing listens in the pod", async () => {
    server.pods.set("one", { ready: true, answer: upperCase, complaint: "connection refused" });
    assert.equal(await ask(await through(), "x"), undefined);
    assert.deepEqual(logged, ["Pod one: connection refused"]);
  });

  it("says that a pod does not answer", async () => {
    server.pods.set("one", { ready: true });
    assert.equal(await ask(await through(), "x"), undefined);
    assert.deepEqual(logged, ["Pod one does not answer: Unexpected server response: 500"]);
  });

  it("says why no pod is ready", async () => {
    await assert.rejects((await addon()).ready(), /No pod of grafana is ready\. There is none; see `kubectl -n observ/);
    server.pods.set("one", { ready: false, waiting: "ImagePullBackOff" });
    await assert.rejects((await addon()).ready(), /There is one: Pending, grafana: ImagePullBackOff\./);
  });

  it("says that it is not in the cluster, and that the API server refuses or does not answer", async () => {
    server.service = undefined;
    await assert.rejects(
      (await addon()).ready(),
      /grafana is not in the cluster: namespace observability has no Service/,
    );
    server.refuses = 403;
    await assert.rejects((await addon()).ready(), /refuses to give Service grafana in observability \(403\)/);
    const access = { kubeconfig: server.kubeconfig };
    await server.stop();
    const gone = await AddonInCluster.open(access, grafana, () => undefined);
    await assert.rejects(gone.ready(), { name: "UserError", message: /The API server does not answer: / });
    server = await FakeApiServer.start();
  });

  it("gives the password of its Secret, or a token, or nothing", async () => {
    assert.equal(await (await addon()).credential(), "hunter2");
    const token = { kind: "token", serviceAccount: "kiali" } as const;
    assert.equal(await (await addon({ ...grafana, page: "kiali", login: token })).credential(), "a-token");
    assert.equal(await (await addon({ ...grafana, login: { kind: "none" } })).credential(), undefined);
  });

  it("cannot be asked with a kubeconfig that is none", async () => {
    await assert.rejects(
      AddonInCluster.open({ kubeconfig: "nothing" }, grafana, () => undefined),
      { name: "UserError", message: /The stack's kubeconfig cannot be used: / },
    );
  });
});

describe("npm run dashboard, from when the port is open", () => {
  let server: FakeApiServer;
  beforeEach(async () => {
    server = await FakeApiServer.start();
    server.pods.set("one", { ready: true, answer: upperCase });
  });
  afterEach(() => server.stop());

  /** Runs it until it has said all, then stops it as Ctrl-C does. */
  async function shown(showPassword: boolean): Promise<{ code: number; text: string; answer?: string }> {
    let text = "";
    let said = (): void => undefined;
    const all = new Promise<void>((resolve) => (said = resolve));
    const out = new Writable({
      write: (chunk: Buffer, _, done) => {
        text += chunk.toString();
        if (text.includes("Ctrl-C ends it.")) said();
        done();
      },
    });
    const options = { port: 0, showPassword, stack: "test" };
    const running = show(grafana, options, { kubeconfig: server.kubeconfig }, new Terminal(out, out, {}));
    await Promise.race([all, running]);
    const port = Number(/localhost:(\d+)/.exec(text)?.[1]);
    const answer = await ask(port, "hello");
    // Ctrl-C's own signal is the test runner's as well.
    process.emit("SIGHUP");
    const code = await running;
    assert.equal(await ask(port, "hello"), undefined, "the port is still open");
    return { code, text, answer };
  }

  it("prints the address and how to get the password, waits, and ends well on Ctrl-C", async () => {
    const { code, text, answer } = await shown(false);
    assert.equal(code, 0);
    assert.equal(answer, "HELLO");
    assert.match(text, /^grafana of stack test \(pod one\): http:\/\/localhost:\d+\/$/m);
    assert.match(text, /^Password: kubectl -n observability get secret grafana-admin .* \(or --show-password\)$/m);
    assert.ok(!text.includes("hunter2"));
  });

  it("prints the password where that is asked for", async () => {
    const { text } = await shown(true);
    assert.match(text, /^User: {5}admin\nPassword: hunter2$/m);
  });
});
