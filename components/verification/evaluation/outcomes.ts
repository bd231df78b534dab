import { own } from "../../shared/own";
import type { Expectation, Outcome } from "../probe";
import type { Observation, ProxyRecord } from "../result";
import type { Ending } from "./answers";
import { wrongCertificate } from "./certificates";

/** What of an expected outcome an observation does not have. */
export interface Mismatch {
  /**
   * `answer`: something else ended the request; `policy`: another policy denied it; `attribute`: the answer is the right
   * one, but for its status, version, time or headers; `evidence`: no record shows it.
   */
  readonly aspect: "answer" | "policy" | "attribute" | "evidence";
  /** What was seen, to follow `request X was`. */
  readonly seen: string;
}

/** In their order: the one with `else` last. */
export function outcomesOf(expect: Expectation): readonly Outcome[] {
  if (expect.kind === "every") return [expect.outcome];
  return expect.kind === "share" ? [expect.outcome, expect.else] : expect.outcomes.map(({ outcome }) => outcome);
}

/** @returns nothing where the observation is of this outcome */
export function mismatchOf(outcome: Outcome, observation: Observation, ending: Ending): Mismatch | undefined {
  const { answers, policy, status } = outcome;
  if (isSentTo(outcome, observation, ending)) return undefined;
  if (answers && ![ending.answer, ...ending.mayBe].some((answer) => answers.includes(answer))) {
    return { aspect: "answer", seen: describeEnding(observation, ending) };
  }
  if (policy !== undefined && ending.policy !== undefined && policy !== ending.policy) {
    return { aspect: "policy", seen: describeEnding(observation, ending) };
  }
  if (status && !status.includes(observation.status)) {
    return { aspect: "attribute", seen: describeEnding(observation, ending) };
  }
  return (
    podMismatch(outcome, observation) ??
    timeMismatch(outcome, observation) ??
    headerMismatch(outcome, observation) ??
    copyMismatch(outcome, observation) ??
    certificateMismatch(outcome, observation, ending) ??
    identityMismatch(outcome, observation)
  );
}

/** Whether a proxy sent it to the cluster of the host that it is for, and the host did not answer. */
export function isSentTo({ sentTo }: Outcome, { records }: Observation, { answer }: Ending): boolean {
  const silent: readonly Ending["answer"][] = ["unreachable", "no answer", "reset", "timeout"];
  if (sentTo === undefined || !silent.includes(answer)) return false;
  const hostOf = (cluster: string) => /^(?:outbound|inbound-vip)\|\d+\|[^|]*\|(.*)$/.exec(cluster)?.[1];
  return records.some(({ upstreamCluster, isMirrored }) => !isMirrored && hostOf(upstreamCluster) === sentTo);
}

function podMismatch({ version, workload }: Outcome, { records }: Observation): Mismatch | undefined {
  if (version === undefined && workload === undefined) return undefined;
  const pod = records.flatMap(({ isMirrored, upstream }) => (isMirrored ? [] : (upstream ?? []))).at(-1);
  if (!pod) return { aspect: "evidence", seen: "answered by a pod that no proxy recorded" };
  const seen = `answered by ${pod.namespace}/${pod.pod} of version ${pod.version ?? "unknown"}`;
  const isAsExpected =
    (version === undefined || version === pod.version) && (workload === undefined || workload === pod.workload);
  return isAsExpected ? undefined : { aspect: "attribute", seen };
}

function timeMismatch({ atLeast = 0, atMost = Infinity }: Outcome, { seconds }: Observation): Mismatch | undefined {
  if (seconds >= atLeast && seconds <= atMost) return undefined;
  return { aspect: "attribute", seen: `answered after ${seconds.toFixed(2)} s` };
}

function headerMismatch({ headers = {} }: Outcome, observation: Observation): Mismatch | undefined {
  for (const [name, expected] of Object.entries(headers)) {
    const value = own(observation.headers, name);
    const isAsExpected = typeof expected === "string" ? value === expected : (value !== undefined) === expected;
    if (isAsExpected) continue;
    const seen =
      value === undefined ? `answered without the header ${name}` : `answered with the header ${name}: ${value}`;
    return { aspect: "attribute", seen };
  }
  return undefined;
}

function copyMismatch({ mirroredTo }: Outcome, { records }: Observation): Mismatch | undefined {
  if (mirroredTo === undefined) return undefined;
  const copies = records.filter(({ isMirrored }) => isMirrored).flatMap(({ upstream }) => upstream ?? []);
  const isCopied = copies.some(({ workload, version }) => workload === mirroredTo || version === mirroredTo);
  if (isCopied) return undefined;
  if (records.length === 0) return { aspect: "evidence", seen: "answered, and no proxy recorded it" };
  const elsewhere = copies.map(({ namespace, pod }) => `${namespace}/${pod}`).join(", ");
  return { aspect: "attribute", seen: elsewhere === "" ? "copied to no pod" : `copied to ${elsewhere} only` };
}

function certificateMismatch({ certificate }: Outcome, observation: Observation, ending: Ending): Mismatch | undefined {
  if (!certificate) return undefined;
  if (!observation.certificate) return { aspect: "evidence", seen: describeEnding(observation, ending) };
  const wrong = wrongCertificate(certificate, observation.certificate);
  return wrong === undefined ? undefined : { aspect: "attribute", seen: wrong };
}

function identityMismatch({ server, certificateSeconds }: Outcome, { records }: Observation): Mismatch | undefined {
  if (server === undefined && certificateSeconds === undefined) return undefined;
  const record = records.filter(({ proxy, isMirrored }) => proxy.side === "inbound" && !isMirrored).at(-1);
  if (!record) return { aspect: "evidence", seen: "answered, and no proxy at the server recorded by which identity" };
  if (server !== undefined && record.server !== server) {
    const identity = record.server === "" ? "without an identity, in plain text" : `by the identity ${record.server}`;
    return { aspect: "attribute", seen: `answered ${identity}` };
  }
  const left = record.clientCertificateEnd - record.start;
  // NaN for plain text.
  if (certificateSeconds === undefined || left <= certificateSeconds) return undefined;
  const validity = Number.isNaN(left) ? "no certificate" : `a certificate that is valid for ${Math.round(left)} s more`;
  return { aspect: "attribute", seen: `sent with ${validity}` };
}

const participles: Readonly<Record<Ending["answer"], string>> = {
  application: "answered by the application",
  denied: "denied",
  "token refused": "refused for its token",
  "no route": "answered by a proxy that has no route for it",
  rule: "answered by a rule of a route",
  fault: "aborted by an injected fault",
  overflow: "refused by a circuit breaker",
  timeout: "ended by a proxy's timeout",
  "rate limited": "refused by a rate limit",
  blocked: "blocked, as its host is not known",
  reset: "cut off",
  unreachable: "sent to no server",
  "no answer": "not answered",
};

/** Such as `denied with 403 by AuthorizationPolicy bookinfo/reviews-viewer at the sidecar of bookinfo/reviews-v1-x`. */
export function describeEnding(observation: Observation, ending: Ending): string {
  const status = observation.status === 0 ? "" : ` with ${observation.status}`;
  const policy =
    ending.policy === undefined
      ? ""
      : ending.policy === "none"
        ? ", as no ALLOW rule matches it,"
        : ` by AuthorizationPolicy ${ending.policy}`;
  const place = ending.by && ending.answer !== "application" ? ` at ${describeProxy(ending.by)}` : "";
  const why = observation.error !== undefined && observation.status === 0 ? ` (${observation.error})` : "";
  return `${participles[ending.answer]}${status}${policy}${place}${why}`;
}

export function describeProxy({ proxy: { kind, namespace, pod } }: ProxyRecord): string {
  return kind === "sidecar" ? `the sidecar of ${namespace}/${pod}` : `the ${kind} ${namespace}/${pod}`;
}
