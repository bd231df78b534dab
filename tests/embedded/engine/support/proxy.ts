import { once } from "node:events";
import net from "node:net";

/** Passes connections on to a port of this machine until it is closed. */
export async function proxyTo(target: number): Promise<{ readonly port: number; readonly close: () => Promise<void> }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const upstream = net.connect(target, "127.0.0.1");
    for (const socket of [client, upstream]) sockets.add(socket.on("error", () => undefined));
    client.pipe(upstream).pipe(client);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const close = async () => {
    if (!server.listening) return;
    sockets.forEach((socket) => socket.destroy());
    await once(server.close(), "close");
  };
  return { port: (server.address() as net.AddressInfo).port, close };
}
