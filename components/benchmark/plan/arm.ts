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
