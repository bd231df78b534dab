import type { probeLabels } from "../../model/mesh-config";
import { own } from "../../shared/own";
import { parseJson } from "../../shared/json";
import type { ProxyRecord } from "../result";

/** A pod whose proxy's log is read. */
export type LogSource = Omit<ProxyRecord["proxy"], "side"> & { readonly isClient: boolean };

/** The pod at an address. */
export type PodAt = (address: string) => ProxyRecord["upstream"];

export interface ProbeRecord {
  /** The value of the probe header: which request it was. */
  readonly probe: string;
  readonly record: ProxyRecord;
}

type Line = Readonly<Partial<Record<keyof typeof probeLabels, unknown>>>;

/**
 * The records of probes in the log of a proxy, which has other lines too: the proxy's own messages, and other access logs.
 *
 * @param log of the container `istio-proxy`
 */
export function probeRecords(log: string, source: LogSource, podAt: PodAt): ProbeRecord[] {
  return log.split("\n").flatMap((text) => {
    // Most lines are not JSON; the key is quoted only in a line of our provider.
    const line = text.includes('"probe":') ? (parseJson(text) as Line | undefined) : undefined;
    const probe = line === undefined ? "" : textOf(line, "probe");
    return line === undefined || probe === "" ? [] : [{ probe, record: recordOf(line, source, podAt) }];
  });
}

function recordOf(line: Line, { isClient, ...proxy }: LogSource, podAt: PodAt): ProxyRecord {
  const [authority, cluster, host] = [
    textOf(line, "authority"),
    textOf(line, "upstream_cluster"),
    textOf(line, "upstream_host"),
  ];
  const address = addressOf(host);
  const upstream = address === "" ? undefined : podAt(address);
  const connection = [textOf(line, "termination"), textOf(line, "transport_failure")].filter((why) => why !== "");
  const isInbound = cluster === "" ? !isClient : cluster.startsWith("inbound");
  return {
    proxy: { ...proxy, side: proxy.kind === "sidecar" && isInbound ? "inbound" : "outbound" },
    status: Number(textOf(line, "status")),
    flags: textOf(line, "flags")
      .split(",")
      .filter((flag) => flag !== ""),
    details: textOf(line, "details"),
    connection: connection.join("; "),
    authority,
    method: textOf(line, "method"),
    // A token may be in the query, and records are in reports.
    path: textOf(line, "path").replace(/\?.*$/, ""),
    upstreamCluster: cluster,
    upstreamHost: host,
    attempts: Number(textOf(line, "attempts")),
    ...(upstream && { upstream }),
    route: textOf(line, "route"),
    start: Number(textOf(line, "start")),
    client: textOf(line, "client") || textOf(line, "client_at_waypoint"),
    clientCertificateEnd: Number(textOf(line, "client_certificate_end") || NaN),
    server: textOf(line, "server"),
    seconds: Number(textOf(line, "milliseconds")) / 1000,
    // Envoy adds it to the host of a copy, before a port, unless it is configured not to.
    isMirrored: /-shadow(:\d+)?$/.test(authority),
  };
}

/** Envoy writes `-`, or null, for what there is not. */
function textOf(line: Line, label: keyof typeof probeLabels): string {
  const value = own(line, label);
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "-" ? value : "";
}

/** Without its port. A waypoint's is `envoy://connect_originate/10.244.1.7:9080`. */
function addressOf(host: string): string {
  const [, address = ""] = /(?:^|\/)([^/]*):\d+$/.exec(host) ?? [];
  return address.replace(/^\[(.*)\]$/, "$1");
}

/**
 * The records of one request, with those of copies marked. Newer releases of Istio leave the host of a copy as it is, and the
 * server's sidecar records it as any request: there are more of them than the proxy that chose the server made attempts.
 *
 * Source: istio/istio, pilot/pkg/networking/core/route/route.go, DisableShadowHostSuffixAppend.
 */
export function markCopies(records: readonly ProxyRecord[]): readonly ProxyRecord[] {
  const atServers = records.filter(({ proxy }) => proxy.side === "inbound");
  const answered = records.filter(({ proxy, upstream }) => proxy.side === "outbound" && upstream).at(-1);
  const extra = atServers.length - Math.max(1, answered?.attempts ?? 1);
  if (extra <= 0 || records.some(({ isMirrored }) => isMirrored)) return records;
  const isAnswer = (record: ProxyRecord) => record.upstream?.pod === answered?.upstream?.pod;
  const [answer] = atServers.filter(isAnswer).sort((a, b) => a.start - b.start);
  // A failed attempt, which was made again, has another status than the answer.
  const likeness = (record: ProxyRecord) => Number(record === answer) * 2 + Number(record.status !== answered?.status);
  const copies = new Set([...atServers].sort((a, b) => likeness(a) - likeness(b)).slice(0, extra));
  return records.map((record) => (copies.has(record) ? { ...record, isMirrored: true } : record));
}
