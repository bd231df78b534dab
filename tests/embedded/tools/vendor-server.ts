import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

type Answer = (response: http.ServerResponse) => void;

/** A vendor on the loopback interface. Paths without an answer are 404. */
export class VendorServer {
  readonly answers = new Map<string, Answer>();
  readonly requests: string[] = [];
  readonly #server = http.createServer((request, response) => {
    const url = request.url ?? "";
    this.requests.push(url);
    const answer = this.answers.get(url);
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

/** A .tar.gz of the given files. */
export function tarGz(files: Readonly<Record<string, string>>): Buffer {
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-tar-"));
  try {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(path.join(folder, path.dirname(name)), { recursive: true });
      writeFileSync(path.join(folder, name), content);
    }
    return execFileSync("tar", ["-czf", "-", "-C", folder, ...Object.keys(files)]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
