import { createHash } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

type Answer = (response: http.ServerResponse) => void;

/** A vendor on the loopback interface. Paths without an answer are 404. */
export class VendorServer {
  readonly answers = new Map<string, Answer>();
  readonly requests: string[] = [];
  readonly #server = http.createServer((request, response) => {
    const path = request.url ?? "";
    this.requests.push(path);
    const answer = this.answers.get(path);
    if (answer !== undefined) return answer(response);
    response.writeHead(404).end("not found");
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  file(path: string, content: string | Buffer): void {
    this.answers.set(path, (response) => response.end(content));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export function sha256(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

/** A .tar.gz of the given files, as `tar` writes it: a header block and the padded content for each. */
export function tarGz(files: Readonly<Record<string, string>>): Buffer {
  const blocks = Object.entries(files).flatMap(([name, content]) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write("0000755\0", 100);
    header.write(`${Buffer.byteLength(content).toString(8).padStart(11, "0")}\0`, 124);
    const body = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512);
    body.write(content);
    return [header, body];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}
