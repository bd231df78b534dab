import { type Arm, hasSchedule } from "../metrics/record";
import { ports, workFolder } from "../objects";
import type { BenchmarkPlan } from "../plan/plan";

export interface ClientCommand {
  readonly container: "fortio" | "iperf3";
  readonly argv: readonly string[];
}

type Target = Pick<BenchmarkPlan, "target">;

export const accessLog = `${workFolder}/access.log`;

/** Load before the measurement; none for iperf3, which leaves out its own first seconds. */
export function warmUpOf(arm: Arm, plan: Target): ClientCommand | undefined {
  if (arm.kind === "stream" || arm.warmUpSeconds === 0) return undefined;
  return { container: "fortio", argv: ["/usr/bin/fortio", ...fortioArgs(arm, arm.warmUpSeconds, plan, "server")] };
}

export function measurementOf(arm: Arm, plan: Target, host = "server"): ClientCommand {
  if (arm.kind === "stream") return { container: "iperf3", argv: ["iperf3", ...iperf3Args(arm, host)] };
  const log = hasSchedule(arm) ? ["-access-log-file", accessLog, "-access-log-format", "json"] : [];
  return { container: "fortio", argv: ["/usr/bin/fortio", ...fortioArgs(arm, arm.seconds, plan, host, log)] };
}

/** Removes the log, because fortio would append to it. */
export const dropLog: ClientCommand = { container: "iperf3", argv: ["rm", "-f", accessLog] };
export const fetchLog: ClientCommand = { container: "iperf3", argv: ["gzip", "-c", accessLog] };

/** fortio's default is IPv4 only, and a cluster may have IPv6 only. */
export const anyAddress = ["-resolve-ip-type", "ip"] as const;

/**
 * Arguments of `fortio load`. Without jitter and with catching up, as the correction of latencies assumes; the resolution
 * (10 us) keeps percentiles exact. The server's name is resolved once: otherwise every new connection would measure the
 * cluster's DNS as well, which ztunnel answers in ambient mode.
 */
export function fortioArgs(
  arm: Exclude<Arm, { kind: "stream" }>,
  seconds: number,
  { target }: Target,
  host: string,
  more: readonly string[] = [],
): string[] {
  const { connections, qps, payloadSize, keepAlive } =
    "qps" in arm ? arm : { connections: 1, qps: 0, payloadSize: 1, keepAlive: false };
  // KiB for an answer with its headers; for fortio's fast client a longer one is a failure.
  const buffer = Math.max(128, Math.ceil(payloadSize / 1024) + 16);
  const fastHttp = ["-no-reresolve", "-httpbufferkb", String(buffer), ...(keepAlive ? [] : ["-keepalive=false"])];
  const http =
    target === "details"
      ? `http://${host}:${ports["http-details"]}/details/0`
      : `http://${host}:${ports.http}/?size=${payloadSize}`;
  const requests: Readonly<Record<typeof arm.kind, readonly [flags: readonly string[], url: string]>> = {
    http: [fastHttp, http],
    connect: [fastHttp, http],
    grpc: [["-grpc", "-ping", "-payload-size", String(payloadSize)], `${host}:${ports.grpc}`],
    "request-response": [[], `tcp://${host}:${ports["tcp-echo"]}`],
  };
  const [flags, url] = requests[arm.kind];
  return [
    ...["load", "-quiet", "-uniform", "-allow-initial-errors", "-r", "0.00001", "-p", "50,90,99,99.9", ...anyAddress],
    ...["-c", String(connections), "-qps", String(qps), "-t", `${seconds}s`, ...flags, ...more, "-json", "-", url],
  ];
}

/** Arguments of iperf3's client; the first seconds, while TCP increases its window, are left out. */
export function iperf3Args(
  arm: Extract<Arm, { kind: "stream" }>,
  host: string,
  port: number = ports["tcp-iperf3"],
): string[] {
  const times = ["-O", String(arm.warmUpSeconds), "-t", String(Math.ceil(arm.seconds))];
  const direction = arm.direction === "download" ? ["-R"] : [];
  return ["-c", host, "-p", String(port), "-J", ...times, "-P", String(arm.streams), ...direction];
}
