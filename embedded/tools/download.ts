import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { closeSync, createWriteStream, openSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { unzipSync } from "fflate";
import { vendors, type Vendor, type VendorFile } from "./catalog";
import { own } from "../../components/shared/own";

/** `connectMs`: to reach a vendor's server; `stallMs`: until it responds, and between two pieces of a file. */
export type DownloadLimits = Readonly<Record<"connectMs" | "stallMs", number>>;
export const defaultLimits: DownloadLimits = { connectMs: 3_000, stallMs: 30_000 };

export type FetchOptions = Readonly<{ limits: DownloadLimits; signal?: AbortSignal }>;

export function vendorUrl(file: VendorFile, env: NodeJS.ProcessEnv): string {
  const { url, variable } = vendors[file.vendor];
  return `${(env[variable] || url).replace(/\/+$/, "")}${file.path}`;
}

/**
 * The vendors that cannot be reached, with the reasons. All are tried at once: without a network this costs one
 * connection deadline in all, not one for each file.
 */
export async function unreachableVendors(
  needed: readonly Vendor[],
  env: NodeJS.ProcessEnv,
  connectMs: number,
): Promise<Map<Vendor, string>> {
  const attempts = needed.map(async (vendor) => {
    const problem = await connectionProblem(vendorUrl({ vendor, path: "" }, env), connectMs);
    return problem === undefined ? [] : [[vendor, problem] as const];
  });
  return new Map((await Promise.all(attempts)).flat());
}

async function connectionProblem(address: string, deadlineMs: number): Promise<string | undefined> {
  if (!URL.canParse(address)) return `${address} is not a URL`;
  const { hostname, host, port, protocol } = new URL(address);
  const socket = net.connect(Number(port || (protocol === "http:" ? 80 : 443)), hostname.replace(/^\[|\]$/g, ""));
  // The socket's own timeout does not count the look-up of the name.
  const deadline = AbortSignal.timeout(deadlineMs);
  try {
    await once(socket, "connect", { signal: deadline });
    return undefined;
  } catch (error) {
    if (deadline.aborted) return `${host} did not answer within ${deadlineMs / 1000} s`;
    const { code, message } = error as NodeJS.ErrnoException;
    return `cannot connect to ${host} (${code ?? message})`;
  } finally {
    socket.destroy();
  }
}

export function fetchText(url: string, options: FetchOptions): Promise<string> {
  return withStallGuard(url, options, (response) => response.text());
}

/** Downloads a file and returns its SHA-256 as lower-case hex. */
export function fetchFile(
  url: string,
  destination: string,
  options: FetchOptions,
  onBytes: (received: number, total: number | undefined) => void,
): Promise<string> {
  return withStallGuard(url, options, async ({ body, headers }, alive) => {
    const hash = createHash("sha256");
    const length = Number(headers.get("content-length")) || undefined;
    let received = 0;
    async function* counted(chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        alive();
        hash.update(chunk);
        onBytes((received += chunk.length), length);
        yield chunk;
      }
    }
    if (body === null) throw new Error("empty answer");
    await pipeline(Readable.fromWeb(body), counted, createWriteStream(destination));
    return hash.digest("hex");
  });
}

/** @throws Error naming the address, and the HTTP status or what went wrong */
async function withStallGuard<T>(
  url: string,
  { limits, signal }: FetchOptions,
  read: (response: Response, alive: () => void) => Promise<T>,
): Promise<T> {
  const stalled = new AbortController();
  const timer = setTimeout(() => stalled.abort(), limits.stallMs);
  try {
    const stop = signal === undefined ? stalled.signal : AbortSignal.any([stalled.signal, signal]);
    const response = await fetch(url, { signal: stop });
    if (response.status !== 200) throw new Error(`HTTP status ${response.status}`);
    return await read(response, () => timer.refresh());
  } catch (error) {
    const why = stalled.signal.aborted ? `no data for ${limits.stallMs / 1000} s` : reasonOf(error);
    throw new Error(`${url}: ${why}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

// fetch hides the reason (connection reset, ENOSPC, ...) in the cause of a bare "fetch failed" or "terminated".
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}

/**
 * The SHA-256 of one file in a vendor's checksum document, as lower-case hex: a bare digest (dl.k8s.io), lines of digest
 * and name (etcd, Helm), or GitHub's JSON description of a release (kwok). Undefined when the document does not have it.
 */
export function findChecksum(document: string, fileName: string): string | undefined {
  const text = document.trim();
  if (text.startsWith("{")) return findReleaseDigest(text, fileName);
  const lines = text.split("\n").map((line) => /^([0-9a-fA-F]{64})(?:\s+[*]?(\S+))?\s*$/.exec(line));
  const named = lines.find((line) => line?.[2]?.split("/").pop() === fileName);
  const bare = lines.length === 1 && lines[0]?.[2] === undefined ? lines[0] : undefined;
  return (named ?? bare)?.[1]?.toLowerCase();
}

function findReleaseDigest(json: string, fileName: string): string | undefined {
  try {
    const { assets } = JSON.parse(json) as { assets?: { name?: string; digest?: string | null }[] };
    const digest = assets?.find(({ name }) => name === fileName)?.digest ?? "";
    return /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
  } catch {
    return undefined;
  }
}

export function extractMember(archive: string, member: string, destination: string): void {
  if (/\.(zip|whl)$/.test(archive)) {
    const content = own(unzipSync(readFileSync(archive), { filter: ({ name }) => name === member }), member);
    if (content === undefined) throw new Error(`${path.basename(archive)} holds no ${member}`);
    return writeFileSync(destination, content);
  }
  const output = openSync(destination, "w");
  const { status, stderr } = spawnSync("tar", ["-xzOf", archive, member], { stdio: ["ignore", output, "pipe"] });
  closeSync(output);
  if (status !== 0) throw new Error(`${path.basename(archive)} holds no ${member}: ${String(stderr).trim()}`);
}
