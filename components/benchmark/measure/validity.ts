import {
  type Arm,
  hasSchedule,
  type RequestOutcome,
  type RunRecord,
  type StreamArm,
  type Usage,
} from "../metrics/record";
import { plannedRequests } from "../plan/plan";

/** What a run must keep to, or its figures are not those of what was asked. */
export const gates = {
  /** Share of the planned requests that was made. */
  made: 0.99,
  /** Share of the requests that may fail. */
  failed: 0.001,
  /** Share of the asked bytes that an answer must hold; a failed one holds fewer. */
  answer: 0.99,
  /** Share of its node's processors that the load generator may take: a busier one measures itself. */
  clientCpu: 0.7,
  /** Share of a node's processors that its host may give to others: far percentiles then show the neighbours. */
  stolen: 0.05,
} as const;

/** What is seen of a run beside its figures. */
export interface Circumstances {
  /** Lines of the access log, where there is one. */
  readonly logged?: number;
  /** Connections that were used. */
  readonly connections?: number;
  /** Mean bytes of an answer. */
  readonly answerBytes?: number;
  /** Streams of iperf3, and whether the server sends. */
  readonly streams?: number;
  readonly reverse?: boolean;
  /** Of the load generator. */
  readonly client?: Usage;
  /** Processors of the client's node. */
  readonly clientNodeCores: number;
  readonly restarted: readonly Restart[];
  readonly stolen?: RunRecord["stolen"];
}

/** A container that restarted during a run. */
export interface Restart {
  /** As `pod/container`. */
  readonly name: string;
  /** A proxy, and not the client or the server. */
  readonly ofMesh: boolean;
}

/** Why a run does not count, in words; empty where it does. */
export function problemsOf(arm: Arm, outcome: RunRecord["outcome"], circumstances: Circumstances): string[] {
  return [...ownProblems(arm, outcome, circumstances), ...disturbances(outcome, circumstances)];
}

/**
 * What spoilt a run from outside, so that it may be made once more. What an arm asks for and does not get is a result,
 * and so is what the mesh does, as a proxy that restarts: to ask again until it is good would choose the good runs.
 * Steal counts as such, though a host that keeps a budget for its guests takes more from one that does more.
 */
export function disturbances(outcome: RunRecord["outcome"], circumstances: Circumstances): string[] {
  const { logged, restarted, stolen = {} } = circumstances;
  const problems: string[] = [];
  if (outcome?.kind === "requests" && logged !== undefined && logged !== outcome.requests) {
    problems.push(`the access log has ${logged} of ${outcome.requests} requests, so that none was corrected`);
  }
  for (const [side, share] of Object.entries(stolen)) {
    if (share > gates.stolen) problems.push(`the host kept ${percent(share)} of the processors of the ${side}'s node`);
  }
  return [...problems, ...restartsOf(restarted, { ofMesh: false })];
}

function restartsOf(restarted: readonly Restart[], { ofMesh }: Pick<Restart, "ofMesh">): string[] {
  return restarted.filter((each) => each.ofMesh === ofMesh).map(({ name }) => `${name} restarted`);
}

function ownProblems(arm: Arm, outcome: RunRecord["outcome"], circumstances: Circumstances): string[] {
  const { client, clientNodeCores, restarted } = circumstances;
  const problems = outcome?.kind === "requests" ? requestProblems(arm, outcome, circumstances) : [];
  if (arm.kind === "stream") problems.push(...streamProblems(arm, circumstances));
  // At saturation the client is meant to do all it can.
  const share = client?.cores === undefined ? undefined : client.cores / clientNodeCores;
  if (share !== undefined && share > gates.clientCpu && hasSchedule(arm)) {
    problems.push(
      `the load generator took ${percent(share)} of its node's processors, more than ${percent(gates.clientCpu)}`,
    );
  }
  return [...problems, ...restartsOf(restarted, { ofMesh: true })];
}

function streamProblems(arm: StreamArm, { streams = arm.streams, reverse }: Circumstances): string[] {
  const asked = arm.direction === "download";
  if (streams === arm.streams && (reverse ?? asked) === asked) return [];
  return [`iperf3 ran ${streams} streams ${reverse === true ? "download" : "upload"}, and not as it was asked`];
}

function requestProblems(arm: Arm, outcome: RequestOutcome, circumstances: Circumstances): string[] {
  const { connections = Infinity, answerBytes = Infinity } = circumstances;
  const problems: string[] = [];
  const { requests, failed } = outcome;
  const planned = plannedRequests(arm);
  if (planned !== undefined && requests < gates.made * planned) {
    problems.push(`only ${percent(requests / planned)} of the planned requests were made (${requests} of ${planned})`);
  }
  if (failed > gates.failed * requests) {
    const codes = Object.entries(outcome.codes).map(([code, count]) => `${count} x ${code}`);
    problems.push(`${failed} of ${requests} requests failed (${codes.join(", ")})`);
  }
  if ("connections" in arm && connections < arm.connections) {
    problems.push(
      `only ${connections} of ${arm.connections} connections were used: there are not two requests for each`,
    );
  }
  if ("payloadSize" in arm && answerBytes < gates.answer * arm.payloadSize) {
    problems.push(`answers hold ${Math.round(answerBytes)} bytes, and not ${arm.payloadSize}`);
  }
  return problems;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
