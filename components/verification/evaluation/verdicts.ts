import type { VerificationSettings } from "../../settings/sections/verification";
import type { Probe } from "../probe";
import type { ProbeResult, SeriesResult, Verdict, VerificationResult } from "../result";

/** From the results of series to the verdict of their probe, and of a whole run. */

/** The worst of the verdicts: what fails before what is not known. */
export function worstVerdict(verdicts: readonly Verdict[]): Verdict {
  const order: readonly Verdict[] = ["fails", "control failed", "holds"];
  return order.find((verdict) => verdicts.includes(verdict)) ?? "not measurable";
}

/** What a series shows where the host that it is for does not answer the client of its control either. */
function withoutHost({ series }: Probe, results: readonly SeriesResult[]): readonly SeriesResult[] {
  const isDead = ({ verdict, count }: SeriesResult) => verdict !== "holds" && count > 0;
  const dead = new Map(results.filter(isDead).map((result) => [result.title, result]));
  const needs = new Map(series.map((one) => [one.title, one.needs]));
  const needed = new Set(series.map((one) => one.needs));
  return results.map((result) => {
    const { title, verdict, failure, expectedAnswers, to } = result;
    const control = dead.get(needed.has(title) ? title : (needs.get(title) ?? ""));
    if (!control) return result;
    const isAllowed = expectedAnswers.includes("application");
    // Then the record of a proxy says whether it was sent on or refused.
    const isRecorded = (failure?.observation.records.length ?? 0) > 0;
    const isShown = verdict === "holds" ? isAllowed : verdict === "fails" && (isRecorded || !isAllowed);
    if (isShown && control !== result) return result;
    const reason = `${to} does not answer a client outside the mesh either, and no proxy recorded whether it was sent there`;
    const { request, observation } = failure ?? control.failure ?? {};
    const shown = request !== undefined && observation && { failure: { request, observation, reason } };
    return { ...result, verdict: "not measurable", ...shown };
  });
}

/** @param seconds from the first request to the verdict */
export function evaluateProbe(probe: Probe, measured: readonly SeriesResult[], seconds: number): ProbeResult {
  const { name, kind, path, expectation, objects = [], notMeasurable } = probe;
  const results = withoutHost(probe, measured);
  const all = results.filter(({ role }) => role === "effect").map((result) => result.verdict);
  const worst = worstVerdict(results.map((result) => result.verdict));
  const isPartly = worst === "holds" && all.includes("not measurable");
  const verdict = notMeasurable === undefined && !isPartly ? worst : "not measurable";
  const decisive = results.find((result) => result.verdict === verdict);
  const why =
    notMeasurable ??
    (decisive && `${decisive.title}: ${decisive.failure?.reason ?? "no request was sent"}`) ??
    "no series";
  return {
    ...{ name, kind, path, expectation, verdict, series: results, seconds, objects },
    ...(verdict !== "holds" && { reason: why }),
  };
}

/** Of the whole suite. What is not measurable fails none, unless nothing else is there. */
export function suiteVerdict(results: readonly ProbeResult[]): VerificationResult["verdict"] {
  const verdict = worstVerdict(results.map((result) => result.verdict));
  return verdict === "control failed" ? "fails" : verdict;
}

/** Of the process that verifies. */
export function exitCode(
  verdict: VerificationResult["verdict"],
  { onFailure }: Pick<VerificationSettings, "onFailure">,
): number {
  return verdict === "fails" && onFailure === "fail" ? 1 : 0;
}
