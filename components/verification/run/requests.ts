import { randomUUID } from "node:crypto";
import { probeHeader } from "../../model/mesh-config";
import { parseJson } from "../../shared/json";
import { openSeconds, type Probe, type ProbeRequest, type Series } from "../probe";
import type { Observation } from "../result";
import { type Address, urlHost } from "./addresses";
import type { Client } from "./clients";

/** Requests as a configuration of curl, and what curl prints of them. */

/** A series to send once. */
export interface Order {
  readonly probe: Probe;
  readonly series: Series;
  /** Its number in the plan. */
  readonly number: number;
  readonly client: Client;
  readonly count: number;
  readonly concurrency: number;
}

/** A request that was sent. */
export interface Sent {
  readonly id: string;
  readonly order: Order;
  readonly observation: ClientObservation;
}

export interface PreparedRequest {
  /** Its value of the probe header, unique in the run: RUN-SERIES-INDEX. */
  readonly id: string;
  readonly request: ProbeRequest;
  readonly address: Address;
  /** Where the series has one. */
  readonly token?: string;
}

/** What a client saw, without what proxies recorded. */
export type ClientObservation = Omit<Observation, "records">;

/** Of what a body is kept, for a person. */
const bodyBytes = 200;

/**
 * Sent over a connection that is not HTTP, with an end of line: so little that a server waits for more. One that reads a length
 * first, such as a database, would close a connection with a wrong one, which looks like a denial. No HTTP or TLS begins so.
 */
const tcpLine = "%01";

const certificateFile = "client-certificate.pem";

/**
 * Reads as many bytes as the arguments say, because standard input is not ended. Each request has its own file for its body,
 * of which the beginnings are printed. Curl's exit code is that of one of its requests.
 */
const script = [
  "set -e",
  'folder=$(mktemp -d); cd "$folder"; trap \'cd /; rm -rf "$folder"\' EXIT',
  'head -c "$1" > config',
  `head -c "$2" > ${certificateFile}`,
  "curl --config config || true",
  `for body in body-*; do [ -f "$body" ] && echo "#$body $(head -c ${bodyBytes} "$body" | base64 | tr -d '\\n')"; done || true`,
].join("\n");

/** @param certificate with its key, where a request has one */
export function curlCommand(
  config: string,
  certificate = "",
): { readonly argv: readonly string[]; readonly stdin: string } {
  const lengths = [config, certificate].map((part) => String(Buffer.byteLength(part)));
  return { argv: ["/bin/sh", "-c", script, "sh", ...lengths], stdin: config + certificate };
}

/** @param concurrency requests at the same time */
export function curlConfig(requests: readonly PreparedRequest[], concurrency: number): string {
  const global = ["parallel", `parallel-max = ${concurrency}`, "parallel-immediate"];
  return [...global, requests.map(sectionOf).join("\nnext\n"), ""].join("\n");
}

function sectionOf({ id, request, address, token }: PreparedRequest): string {
  const { scheme = "http", method = "GET" } = request;
  const shared = [
    "silent",
    "globoff",
    "path-as-is",
    option("output", `body-${id}`),
    `max-time = ${limitOf(request)}`,
    ...connectTo(address),
    option(
      "write-out",
      `\n@${id} %{http_code} %{exitcode} %{time_total} %{time_connect} %{size_download} %{errormsg}\n%{header_json}\n` +
        (scheme === "https" ? "%{certs}\n" : ""),
    ),
  ];
  const authority = `${address.host}:${address.port}`;
  if (scheme === "tcp") {
    // Its client sends a line and reads to the end; the first byte of an answer is enough.
    return [...shared, option("url", `gopher://${authority}/1${tcpLine}`), "max-filesize = 1"].join("\n");
  }
  const { path, headers } = withToken(request, token);
  // Neither is sent by clients, and curl would add them to a body without bytes.
  const emptyBody = ["GET", "HEAD", "OPTIONS"].includes(method) ? [] : [option("data", ""), header("content-type", "")];
  const isDefault = address.port === (scheme === "http" ? 80 : 443);
  return [
    ...shared,
    option("url", `${scheme}://${isDefault ? address.host : authority}${path}`),
    "http1.1",
    ...(method === "HEAD" ? ["head"] : [option("request", method)]),
    ...emptyBody,
    // A connection for each request: one that was open before may be served by an older configuration.
    header("connection", "close"),
    header(probeHeader, id),
    header("x-request-id", randomUUID()),
    ...Object.entries(headers).map(([name, value]) => header(name, value)),
    ...(scheme === "https" ? ["insecure"] : []),
    ...(request.clientCertificate ? [option("cert", certificateFile)] : []),
  ].join("\n");
}

/** Seconds. */
export function limitOf({ scheme, timeoutSeconds }: ProbeRequest): number {
  return timeoutSeconds ?? (scheme === "tcp" ? openSeconds : 10);
}

function connectTo({ host, port, connect }: Address): string[] {
  return connect ? [option("connect-to", `${host}:${port}:${urlHost(connect.host)}:${connect.port}`)] : [];
}

/** A header with an empty value needs a semicolon; one without a value would be removed. */
function header(name: string, value: string): string {
  return option("header", value === "" && name !== "content-type" ? `${name};` : `${name}: ${value}`);
}

/** In double quotes, where curl knows these escapes. */
function option(name: string, value: string): string {
  const escapes = new Map([
    ["\\", "\\\\"],
    ['"', '\\"'],
    ["\n", "\\n"],
    ["\t", "\\t"],
    ["\r", "\\r"],
  ]);
  return `${name} = "${value.replaceAll(/[\\"\n\t\r]/g, (found) => escapes.get(found) ?? found)}"`;
}

function withToken({ path = "/", headers = {}, token: wanted }: ProbeRequest, token: string | undefined) {
  if (wanted === undefined || token === undefined) return { path, headers };
  const place = wanted.in ?? { header: "authorization", prefix: "Bearer " };
  if ("param" in place) {
    const separator = path.includes("?") ? "&" : "?";
    return { path: `${path}${separator}${place.param}=${encodeURIComponent(token)}`, headers };
  }
  if ("cookie" in place) return { path, headers: { ...headers, cookie: `${place.cookie}=${token}` } };
  return { path, headers: { ...headers, [place.header]: `${place.prefix ?? ""}${token}` } };
}

/**
 * What came of requests, by their ids; one that curl said nothing of is missing.
 *
 * @param now in seconds since 1970
 */
export function readOutput(
  stdout: string,
  requests: readonly PreparedRequest[],
  now = Math.floor(Date.now() / 1000),
): ReadonlyMap<string, ClientObservation> {
  const schemes = new Map(requests.map(({ id, request }) => [id, request.scheme ?? "http"]));
  const bodies = new Map(
    [...stdout.matchAll(/^#body-(\S+) (\S*)$/gm)].map(([, id = "", body = ""]) => [id, textOf(body)]),
  );
  const observations = new Map<string, ClientObservation>();
  for (const section of stdout.split(/^@/m).slice(1)) {
    const [, id = "", status, exitCode, seconds, connectSeconds, bytes, error = "", rest = ""] =
      /^(\S+) (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+) ?(.*)\n([^]*)/.exec(section) ?? [];
    const scheme = schemes.get(id);
    if (scheme === undefined) continue;
    const body = bodies.get(id);
    // Of a chain, the server's own comes first.
    const [pem] = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/.exec(rest) ?? [];
    const code = scheme === "tcp" ? tcpExitCode(Number(exitCode), Number(bytes)) : Number(exitCode);
    observations.set(id, {
      status: Number(status),
      exitCode: code,
      ...(code !== 0 && error !== "" && { error }),
      connected: Number(connectSeconds) > 0,
      seconds: Number(seconds),
      headers: headersIn(rest),
      ...(body && { body }),
      ...(pem !== undefined && { certificate: { pem, at: now } }),
    });
  }
  return observations;
}

/** Bytes are an answer, also where the limit of one byte, or the time, has ended the transfer. */
function tcpExitCode(exitCode: number, bytes: number): number {
  if (bytes > 0 || exitCode === 63) return 0;
  // Without a byte the end of the connection is no answer.
  return exitCode === 0 ? 52 : exitCode;
}

function headersIn(text: string): Record<string, string> {
  const [json = ""] = /^\{[^]*?^\}/m.exec(text) ?? [];
  const headers = (parseJson(json) ?? {}) as Record<string, readonly string[]>;
  return Object.fromEntries(Object.entries(headers).map(([name, values]) => [name.toLowerCase(), values.join(", ")]));
}

function textOf(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}
