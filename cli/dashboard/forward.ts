import { createServer, type Server, type Socket } from "node:net";
import { messageOf, UserError } from "../../embedded/program/errors";

/** What connections are forwarded to. */
export interface Destination {
  /** Forwards one connection until either side ends it; rejects where it cannot be opened. */
  connect(socket: Socket): Promise<void>;
}

export interface Forward {
  /** The port that was opened. */
  readonly port: number;
  /** Ends every connection and closes the port. */
  close(): Promise<void>;
}

const host = "127.0.0.1";

/**
 * Opens a port on the loopback interface, and forwards each connection to the destination.
 *
 * @param onFailure gets why a connection could not be forwarded
 * @throws UserError where the port is taken
 */
export async function forward(
  port: number,
  destination: Destination,
  onFailure: (message: string) => void,
): Promise<Forward> {
  const sockets = new Set<Socket>();
  // Half-open: a client that has sent all still waits for the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // A browser that closes its connection is no failure.
    socket.on("error", () => socket.destroy());
    destination.connect(socket).catch((error: unknown) => {
      onFailure(messageOf(error));
      socket.destroy();
    });
  });
  await listening(server, port);
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "EADDRINUSE"
          ? new UserError(`Port ${port} of this machine is in use. Name another: --port ${port + 1}, or 0 for any.`)
          : error.code === "EACCES"
            ? new UserError(`Port ${port} needs rights that you do not have. Name one above 1023: --port 8080.`)
            : error,
      );
    });
    server.listen(port, host, resolve);
  });
}
