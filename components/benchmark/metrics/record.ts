/**
 * What a run is and what is kept of it. Records are lines of the journal and entries of report.json: a renamed field needs
 * another `schemaVersion`, and the order of an arm's fields is part of the plan's identity.
 */

export const scenarioNames = ["none", "sidecar", "ambient", "waypoint"] as const;
export type ScenarioName = (typeof scenarioNames)[number];

/** A namespace in which every arm is measured; `control` is a second, identical `none`, which settings cannot name. */
export type Scenario = ScenarioName | "control";

interface ArmOf<Kind extends string> {
  readonly kind: Kind;
  /** All parameters: `http-c10-q100-1024B`. */
  readonly id: string;
  /** Of client and server. */
  readonly placement: "other-node" | "same-node";
  readonly seconds: number;
  /** Load before the measurement, which does not count. */
  readonly warmUpSeconds: number;
}

export interface RequestArm extends ArmOf<"http" | "grpc"> {
  readonly connections: number;
  /** Requests per second over all connections; 0 is saturation. */
  readonly qps: number;
  /** Bytes of a response body. */
  readonly payloadSize: number;
  /** false: a new connection for every request. */
  readonly keepAlive: boolean;
}

/** One connection that sends the next request when the response arrives (netperf's TCP_RR), or reconnects first (TCP_CRR). */
export type TransactionArm = ArmOf<"request-response" | "connect">;

export interface StreamArm extends ArmOf<"stream"> {
  readonly streams: number;
  readonly direction: "upload" | "download";
}

export type Arm = RequestArm | TransactionArm | StreamArm;

/** Whether the arm has a fixed rate, so that the latency of a request can be counted from its scheduled time. */
export function hasSchedule(arm: Arm): arm is RequestArm {
  return (arm.kind === "http" || arm.kind === "grpc") && arm.qps > 0;
}

/** Undefined without a fixed rate. */
export function plannedRequests(arm: Arm): number | undefined {
  return hasSchedule(arm) ? requestsPerConnection(arm) * arm.connections : undefined;
}

/** fortio gives every connection the same number. */
export function requestsPerConnection(load: Pick<RequestArm, "qps" | "connections" | "seconds">): number {
  return Math.floor(Math.floor(load.qps * load.seconds) / load.connections);
}

export function armTitle(arm: Arm): string {
  return `${loadTitle(arm)}${arm.placement === "same-node" ? ", same node" : ""}`;
}

function loadTitle(arm: Arm): string {
  if (arm.kind === "stream") return `TCP ${arm.streams} ${arm.streams === 1 ? "stream" : "streams"} ${arm.direction}`;
  if (!("qps" in arm)) return arm.kind === "connect" ? "TCP connect, request, response" : "TCP request/response";
  const rate = arm.qps === 0 ? "saturation" : `${arm.qps}/s`;
  const connections = `${arm.connections} ${arm.keepAlive ? "connections" : "at once"}`;
  const perRequest = arm.keepAlive ? "" : "one connection per request, ";
  return `${arm.kind === "http" ? "HTTP" : "gRPC"} ${rate}, ${perRequest}${connections}, ${arm.payloadSize} B`;
}

export const curve = [1, 5, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99] as const;

/** Whether there are enough requests for a percentile: above p99, 10 of them must be slower, so p99.9 takes 10,000. */
export function isKnown(percent: number, requests: number): boolean {
  return percent <= 99 || (1 - percent / 100) * requests >= 10 - 1e-6;
}

/** Milliseconds. */
export interface Latency {
  readonly count: number;
  readonly mean: number;
  readonly max: number;
  /** By percentage, as in `"99.9"`; only those that are known. */
  readonly percentiles: Readonly<Record<string, number>>;
}

export interface RequestOutcome {
  readonly kind: "requests";
  readonly actualQps: number;
  readonly requests: number;
  /** Error responses, or reconnections if there are more. */
  readonly failed: number;
  readonly codes: Readonly<Record<string, number>>;
  /** From when each request was sent, as the client measures it. */
  readonly raw: Latency;
  /** From when each request was due; absent at saturation, which has no schedule. */
  readonly corrected?: Latency;
}

export interface StreamOutcome {
  readonly kind: "stream";
  /** Received, without the seconds left out at the start. */
  readonly bitsPerSecond: number;
  /** Up to the first proxy only, where the client's connection ends. Absent where the server sends. */
  readonly retransmits?: number;
  /** Milliseconds; up to the first proxy only. */
  readonly meanRtt?: number;
}

export type Outcome = RequestOutcome | StreamOutcome;

export const components = [
  "client",
  "server",
  "client proxy",
  "server proxy",
  "ztunnel",
  "waypoint",
  "istiod",
] as const;
export type Component = (typeof components)[number];

export const meshParts: Readonly<Record<Scenario, readonly Component[]>> = {
  none: [],
  control: [],
  sidecar: ["client proxy", "server proxy", "istiod"],
  ambient: ["ztunnel", "istiod"],
  waypoint: ["ztunnel", "waypoint", "istiod"],
};

export function usesZtunnel(scenario: Scenario): boolean {
  return meshParts[scenario].includes("ztunnel");
}

/** Parts that a scenario's requests pass through. istiod is not among them, and runs whatever is measured. */
export function proxiesOf(scenario: Scenario): Component[] {
  return meshParts[scenario].filter((part) => part !== "istiod");
}

export interface Usage {
  /** Mean; absent where a counter did not advance between the two readings. */
  readonly cores?: number;
  /** Bytes of the working set at the end. */
  readonly memory: number;
  readonly containers: number;
}

export type Usages = Readonly<Partial<Record<Component, Usage>>>;

export interface RunRecord {
  readonly id: string;
  readonly block: number;
  readonly arm: string;
  readonly scenario: Scenario;
  readonly startedAt: string;
  /** Seconds, with warm-up. */
  readonly took: number;
  /** Absent where the load generator's output could not be read. */
  readonly outcome?: Outcome;
  readonly usage: Usages;
  /** Share of CPU time that the hosts of the two nodes gave to other guests (steal); absent on bare metal. */
  readonly stolen?: { readonly client?: number; readonly server?: number };
  readonly problems: readonly string[];
  readonly disturbed?: true;
}
