import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

/**
 * Accepts a port-forward as an API server does: a WebSocket (RFC 6455) whose streams, 0 for data and 1 for errors, each
 * begin with the port.
 */
export function acceptPortForward({ headers }: IncomingMessage, socket: Duplex, port: number): void {
  const accept = createHash("sha1")
    .update(`${headers["sec-websocket-key"] ?? ""}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n`,
  );
  for (const stream of [0, 1]) socket.write(frame(stream, Buffer.of(port & 255, port >> 8)));
}

/** A message of the server, of up to 64 KiB. */
export function frame(stream: number, content: Buffer): Buffer {
  const payload = Buffer.concat([Buffer.of(stream), content]);
  const head = payload.length > 125 ? [0x82, 126, payload.length >> 8, payload.length & 255] : [0x82, payload.length];
  return Buffer.concat([Buffer.from(head), payload]);
}
