import {
  type Arm,
  hasSchedule,
  plannedRequests,
  type RequestOutcome,
  type RunRecord,
  type StreamArm,
  type Usage,
} from "../metrics/record";
import type { FortioResult, Iperf3Result } from "./load-generators";

/** Limits of a valid run. Beyond them its figures are not those of the planned load. */
export const limits = {
  /** Least share of the planned requests. */
  made: 0.99,
  /** Greatest share of failed requests. */
  failed: 0.001,
  /** Least share of the planned response size; an error response is smaller. */
  answer: 0.99,
  /** Greatest share of its node's CPU for the load generator; a busier one measures itself. */
  clientCpu: 0.7,
  /** Greatest share of a node's CPU time that its host gives to other guests; above it, high percentiles show the neighbours. */
  stolen: 0.05,
} as const;

export interface Circumstances
  extends
    Partial<Pick<FortioResult, "connections" | "answerBytes">>,
    Partial<Pick<Iperf3Result, "streams" | "reverse">>,
    Pick<RunRecord, "stolen"> {
  readonly logged?: number;
  readonly client?: Usage;
  readonly clientNodeCores: number;
  readonly restarted: readonly Restart[];
}

/** A container (`pod/container`) that restarted during a run; `ofMesh` is a proxy rather than the client or the server. */
export interface Restart {
  readonly name: string;
  readonly ofMesh: boolean;
}

/** Why a run is invalid: loads that were not reached, proxies that restarted, and disturbances. */
export function problemsOf(arm: Arm, outcome: RunRecord["outcome"], circumstances: Circumstances): string[] {
  const { client, clientNodeCores, restarted } = circumstances;
  const problems = outcome?.kind === "requests" ? requestProblems(arm, outcome, circumstances) : [];
  if (arm.kind === "stream") problems.push(...streamProblems(arm, circumstances));
  // At saturation the client is meant to use all it can.
  const share = client?.cores === undefined ? undefined : client.cores / clientNodeCores;
  if (share !== undefined && share > limits.clientCpu && hasSchedule(arm)) {
    problems.push(
      `the load generator used ${percent(share)} of its node's CPU, more than ${percent(limits.clientCpu)}`,
    );
  }
  return [...problems, ...restarts(restarted, { ofMesh: true }), ...disturbances(outcome, circumstances)];
}

/**
 * Problems with an outside cause, for which the run is repeated once. A load that is not reached is a result, and so is
 * what the mesh does, such as a proxy that restarts: repeating those runs would select the good ones. Steal counts as an
 * outside cause, although hosts that limit their guests take more from one that does more.
 */
export function disturbances(outcome: RunRecord["outcome"], circumstances: Circumstances): string[] {
  const { logged, restarted, stolen = {} } = circumstances;
  const problems: string[] = [];
  if (outcome?.kind === "requests" && logged !== undefined && logged !== outcome.requests) {
    problems.push(`the access log has ${logged} of ${outcome.requests} requests, so latencies are not corrected`);
  }
  for (const [side, share] of Object.entries(stolen)) {
    if (share > limits.stolen)
      problems.push(`the host withheld ${percent(share)} of the CPU time of the ${side}'s node (steal)`);
  }
  return [...problems, ...restarts(restarted, { ofMesh: false })];
}

function restarts(restarted: readonly Restart[], { ofMesh }: Pick<Restart, "ofMesh">): string[] {
  return restarted.filter((each) => each.ofMesh === ofMesh).map(({ name }) => `${name} restarted`);
}

function streamProblems(arm: StreamArm, { streams = arm.streams, reverse }: Circumstances): string[] {
  const planned = arm.direction === "download";
  if (streams === arm.streams && (reverse ?? planned) === planned) return [];
  const direction = reverse === true ? "download" : "upload";
  return [`iperf3 ran ${streams} streams ${direction} instead of ${arm.streams} streams ${arm.direction}`];
}

function requestProblems(arm: Arm, outcome: RequestOutcome, circumstances: Circumstances): string[] {
  const { connections = Infinity, answerBytes = Infinity } = circumstances;
  const problems: string[] = [];
  const { requests, failed } = outcome;
  const planned = plannedRequests(arm);
  if (planned !== undefined && requests < limits.made * planned) {
    problems.push(`only ${percent(requests / planned)} of the planned requests were made (${requests} of ${planned})`);
  }
  if (failed > limits.failed * requests) {
    const codes = Object.entries(outcome.codes).map(([code, count]) => `${count} x ${code}`);
    problems.push(`${failed} of ${requests} requests failed (${codes.join(", ")})`);
  }
  if ("connections" in arm && connections < arm.connections) {
    problems.push(`only ${connections} of ${arm.connections} connections were used: fewer than two requests for each`);
  }
  if ("payloadSize" in arm && answerBytes < limits.answer * arm.payloadSize) {
    problems.push(`responses have ${Math.round(answerBytes)} bytes instead of ${arm.payloadSize}`);
  }
  return problems;
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
