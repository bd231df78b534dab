/** Milliseconds. */
export interface Latency {
  readonly count: number;
  readonly mean: number;
  readonly max: number;
  /** By percentage, as in `"99.9"`; only those with enough requests behind them. */
  readonly percentiles: Readonly<Record<string, number>>;
}

/** What a run of requests gave. */
export interface RequestOutcome {
  readonly kind: "requests";
  readonly actualQps: number;
  readonly requests: number;
  readonly failed: number;
  readonly codes: Readonly<Record<string, number>>;
  /** As the client measures it. */
  readonly raw: Latency;
  /** From when a request was due; absent at saturation, which has no schedule. */
  readonly corrected?: Latency;
}

/** What a run of iperf3 gave. */
export interface StreamOutcome {
  readonly kind: "stream";
  /** What arrived, without the seconds left out at the start. */
  readonly bitsPerSecond: number;
  /** As far as the first proxy only: behind it is another connection. Absent where the other side sends. */
  readonly retransmits?: number;
  /** Milliseconds, as far as the first proxy only. */
  readonly meanRtt?: number;
}

/** Parts that take processor time and memory while a run is measured. */
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

export interface Usage {
  /** Processors' worth of time, on average; absent where the counters did not move on between two looks. */
  readonly cores?: number;
  /** Bytes of the working set at the end. */
  readonly memory: number;
  /** Containers it is summed over. */
  readonly containers: number;
}

export type Usages = Readonly<Partial<Record<Component, Usage>>>;

/** One measurement as it is kept: an entry of the journal and of the report. */
export interface RunRecord {
  /** Of the planned run. */
  readonly id: string;
  readonly block: number;
  /** Id of the arm. */
  readonly arm: string;
  readonly scenario: Scenario;
  readonly startedAt: string;
  /** Seconds it took in all, with warm-up. */
  readonly took: number;
  /** Absent where nothing could be read. */
  readonly outcome?: RequestOutcome | StreamOutcome;
  readonly usage: Usages;
  /** Shares of their processors that the host of the two nodes gave to others meanwhile; absent on a host itself. */
  readonly stolen?: { readonly client?: number; readonly server?: number };
  /** Why it does not count; empty for a valid run. */
  readonly problems: readonly string[];
  /** What spoilt it has nothing to do with what was asked: the run is made once more. Absent where that is not so. */
  readonly disturbed?: true;
}

/** Where a latency curve has its points. */
export const curve = [1, 5, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99] as const;

/** A far percentile of few requests is the luck of one of them: 99.9 takes 10,000, and so on. */
export function isKnown(percent: number, count: number): boolean {
  return percent <= 99 || (1 - percent / 100) * count >= 10 - 1e-6;
}

/** Where client and server stand to each other. */
export type Placement = "other-node" | "same-node";

interface ArmOf<Kind extends string> {
  readonly kind: Kind;
  /** Says everything of it: `http-c10-q100-1024B`. */
  readonly id: string;
  readonly placement: Placement;
  /** Of the measurement. */
  readonly seconds: number;
  /** Of load before it, which does not count. */
  readonly warmUpSeconds: number;
}

/** Requests at a fixed rate, or as many as there is room for, by fortio. */
export interface RequestArm extends ArmOf<"http" | "grpc"> {
  readonly connections: number;
  /** Requests a second of all connections together; 0 is saturation. */
  readonly qps: number;
  /** Bytes of an answer. */
  readonly payloadSize: number;
  /** false: a connection for every request. */
  readonly keepAlive: boolean;
}

/** One connection that asks again as soon as it is answered: netperf's TCP_RR, or with a new connection each, TCP_CRR. */
export type TransactionArm = ArmOf<"request-response" | "connect">;

/** Bulk data by iperf3. */
export interface StreamArm extends ArmOf<"stream"> {
  readonly streams: number;
  /** `upload`: from client to server. */
  readonly direction: "upload" | "download";
}

/** One way of measuring: what is asked, how hard, for how long. Every scenario is measured in all of them. */
export type Arm = RequestArm | TransactionArm | StreamArm;

/** Whether it has a schedule, so that latencies can be counted from when a request was due. */
export function hasSchedule(arm: Arm): arm is RequestArm {
  return (arm.kind === "http" || arm.kind === "grpc") && arm.qps > 0;
}

/** What a person reads of it. */
export function armTitle(arm: Arm): string {
  const where = arm.placement === "same-node" ? ", same node" : "";
  switch (arm.kind) {
    case "stream":
      return `TCP ${arm.streams} ${arm.streams === 1 ? "stream" : "streams"} ${arm.direction}${where}`;
    case "request-response":
      return `TCP request/response${where}`;
    case "connect":
      return `TCP connect, request, response${where}`;
    case "http":
    case "grpc": {
      const rate = arm.qps === 0 ? "saturation" : `${arm.qps}/s`;
      const connections = arm.keepAlive
        ? `${arm.connections} connections`
        : `a connection a request, ${arm.connections} at once`;
      return `${arm.kind === "http" ? "HTTP" : "gRPC"} ${rate}, ${connections}, ${arm.payloadSize} B${where}`;
    }
  }
}

/** The scenarios that settings can name. */
export const scenarioNames = ["none", "sidecar", "ambient", "waypoint"] as const;
export type ScenarioName = (typeof scenarioNames)[number];

/** A namespace in which everything is measured; `control` is a second, identical `none`. */
export type Scenario = ScenarioName | "control";
