import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse } from "yaml";

export const root = path.resolve(__dirname, "../..");

/** Folders made by `temporaryFolder`; `removeTemporaryFolders` goes into an `afterEach`. */
const made: string[] = [];

/** A new folder with these files, by path. */
export function temporaryFolder(files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-ci-"));
  made.push(folder);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  return folder;
}

export function removeTemporaryFolders(): void {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
}

export interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

export interface Job {
  readonly uses?: string;
  readonly if?: string;
  readonly steps?: readonly Step[];
  readonly permissions?: unknown;
  readonly environment?: unknown;
  readonly concurrency?: { readonly "cancel-in-progress": unknown };
  readonly "timeout-minutes"?: unknown;
}

export interface Workflow {
  readonly name: string;
  readonly on: Readonly<Record<string, { readonly workflows?: readonly string[] } | null>>;
  readonly permissions?: unknown;
  readonly concurrency?: { readonly "cancel-in-progress": unknown };
  readonly jobs: Readonly<Record<string, Job>>;
}

export interface WorkflowFile {
  readonly file: string;
  readonly text: string;
  readonly workflow: Workflow;
}

export function workflows(): WorkflowFile[] {
  const folder = path.join(root, ".github/workflows");
  return readdirSync(folder).map((file) => {
    const text = readFileSync(path.join(folder, file), "utf8");
    return { file, text, workflow: parse(text) as Workflow };
  });
}

export interface Request {
  readonly method: string;
  readonly url: string;
  readonly body: unknown;
}

export interface FakeGitHub {
  /** Environment that points the scripts at it. */
  readonly env: NodeJS.ProcessEnv;
  readonly requests: readonly Request[];
  close(): Promise<void>;
}

/** GitHub's API on the loopback interface: answers GET with what is given for the path, page by page; records the rest. */
export async function fakeGitHub(lists: Readonly<Record<string, readonly unknown[]>>): Promise<FakeGitHub> {
  const requests: Request[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
      const text = Buffer.concat(chunks).toString();
      const method = request.method ?? "GET";
      requests.push({ method, url: request.url ?? "", body: text === "" ? undefined : JSON.parse(text) });
      const list = lists[pathname.replace("/repos/example/mesh", "")];
      if (method === "GET" && list === undefined) response.statusCode = 404;
      const first = (Number(searchParams.get("page")) - 1) * 100;
      response.end(JSON.stringify(method === "GET" ? (list ?? []).slice(first, first + 100) : {}));
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    env: { GITHUB_API_URL: `http://127.0.0.1:${port}`, GITHUB_REPOSITORY: "example/mesh", GITHUB_TOKEN: "not-a-token" },
    requests,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

export const bot = { login: "github-actions[bot]" };
