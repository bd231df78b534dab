import { type Arm, hasSchedule } from "../metrics/record";
import { ports, workFolder } from "../objects";
import type { BenchmarkPlan } from "../plan/plan";

/** A command, and the container of the client it runs in. */
export interface ClientCommand {
  readonly container: "fortio" | "iperf3";
  readonly argv: readonly string[];
}

export const accessLog = `${workFolder}/access.log`;

/** Load before the measurement; none for iperf3, which leaves out its own first seconds. */
export function warmUpOf(arm: Arm, plan: Pick<BenchmarkPlan, "target">, host = "server"): ClientCommand | undefined {
  if (arm.kind === "stream" || arm.warmUpSeconds === 0) return undefined;
  return { container: "fortio", argv: ["/usr/bin/fortio", ...fortioArgs(arm, arm.warmUpSeconds, plan, host)] };
}

/** The measurement: prints its result as JSON on standard output. */
export function measurementOf(arm: Arm, plan: Pick<BenchmarkPlan, "target">, host = "server"): ClientCommand {
  if (arm.kind === "stream") return { container: "iperf3", argv: ["iperf3", ...iperf3Args(arm, host)] };
  const log = hasSchedule(arm) ? ["-access-log-file", accessLog, "-access-log-format", "json"] : [];
  return { container: "fortio", argv: ["/usr/bin/fortio", ...fortioArgs(arm, arm.seconds, plan, host, log)] };
}

/** Removes the log, because fortio would append to it. */
export const dropLog: ClientCommand = { container: "iperf3", argv: ["rm", "-f", accessLog] };
/** Prints the log, compressed. */
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
  { target }: Pick<BenchmarkPlan, "target">,
  host: string,
  more: readonly string[] = [],
): string[] {
  const http =
    target === "details"
      ? `http://${host}:${ports["http-details"]}/details/0`
      : `http://${host}:${ports.http}/?size=${"payloadSize" in arm ? arm.payloadSize : 1}`;
  const common = [
    ...["load", "-quiet", "-uniform", "-allow-initial-errors", "-r", "0.00001", "-p", "50,90,99,99.9"],
    ...anyAddress,
  ];
  const load = (connections: number, qps: number) => [
    "-c",
    String(connections),
    "-qps",
    String(qps),
    "-t",
    `${seconds}s`,
  ];
  const flags = [...more, "-json", "-"];
  const fastHttp = (payloadSize: number) => ["-no-reresolve", "-httpbufferkb", String(httpBuffer(payloadSize))];
  switch (arm.kind) {
    case "http": {
      const keepAlive = arm.keepAlive ? [] : ["-keepalive=false"];
      const given = [...load(arm.connections, arm.qps), ...fastHttp(arm.payloadSize), ...keepAlive];
      return [...common, ...given, ...flags, http];
    }
    case "grpc": {
      const payload = ["-grpc", "-ping", "-payload-size", String(arm.payloadSize)];
      return [...common, ...load(arm.connections, arm.qps), ...payload, ...flags, `${host}:${ports.grpc}`];
    }
    case "request-response":
      return [...common, ...load(1, 0), ...flags, `tcp://${host}:${ports["tcp-echo"]}`];
    case "connect":
      return [...common, ...load(1, 0), ...fastHttp(1), "-keepalive=false", ...flags, http];
  }
}

/** KiB for an answer with its headers; for fortio's fast client a longer one is a failure. */
function httpBuffer(payloadSize: number): number {
  return Math.max(128, Math.ceil(payloadSize / 1024) + 16);
}

/** Arguments of iperf3's client; the first seconds, while TCP increases its window, are left out. */
export function iperf3Args(
  arm: Extract<Arm, { kind: "stream" }>,
  host: string,
  port: number = ports["tcp-iperf3"],
): string[] {
  const omit = ["-O", String(arm.warmUpSeconds)];
  const direction = arm.direction === "download" ? ["-R"] : [];
  return [
    ...["-c", host, "-p", String(port), "-J", ...omit, "-t", String(Math.ceil(arm.seconds))],
    ...["-P", String(arm.streams), ...direction],
  ];
}
