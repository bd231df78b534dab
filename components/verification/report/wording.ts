import { formatPath } from "../../shared/problem";
import { type ProbeResult, type SeriesResult, type VerificationResult, type Verdict, verdicts } from "../result";

/** What every form of the report says in the same words. */

export const title = "Service mesh policies";

/** `40 hold, 1 fails, 2 not measurable`, after `partial: 43 of 60 probes: ` where not all ran. */
export function countsOf({ probes, partOf }: Pick<VerificationResult, "probes" | "partOf">): string {
  const count = (verdict: Verdict) => probes.filter((probe) => probe.verdict === verdict).length;
  const one: Partial<Record<Verdict, string>> = { holds: "hold" };
  const words = verdicts.flatMap((verdict) => {
    const found = count(verdict);
    const word = found === 1 ? verdict : (one[verdict] ?? verdict.replace(/^fails$/, "fail"));
    return found === 0 ? [] : [`${found} ${word}`];
  });
  const part = partOf === undefined ? "" : `partial: ${probes.length} of ${partOf} probes: `;
  return part + (words.join(", ") || "no policy has a probe");
}

/** What a deployment prints: the count, then every probe that does not hold. */
export function sentencesOf(result: VerificationResult): string[] {
  const wrong = result.probes.filter(({ verdict }) => verdict === "fails" || verdict === "control failed");
  return [
    `Policies: ${countsOf(result)} (${result.requests} requests, ${Math.round(result.seconds)} s)`,
    ...wrong.map((probe) => `${probe.name}: ${probe.verdict}: ${probe.reason ?? ""}`),
  ];
}

/** How sure the verdicts are, in one sentence. */
export function certaintyOf({ statistics }: Pick<VerificationResult, "statistics">): string {
  const { falseAlarm, tests, power, deviation } = statistics;
  if (tests === 0) return "Every request must be as expected; no share is estimated.";
  return (
    `The probability of a false alarm is at most ${percent(falseAlarm)} for the whole run; a share that is wrong by ` +
    `${deviation} percentage points is found with at least ${percent(power)}.`
  );
}

/** The requests of a probe that are judged, and the intervals of its shares. */
export function measuredOf({ series, reason }: Pick<ProbeResult, "series" | "reason">): {
  readonly measured: string;
  readonly count: string;
  readonly interval: string;
} {
  const effects = series.filter(({ role }) => role === "effect");
  const shares = effects.flatMap((one) => one.shares ?? []);
  const requests = series.reduce((sum, { count }) => sum + count, 0);
  const measured = effects.length === 1 ? (effects[0]?.measured ?? "") : summaryOf(series);
  return {
    measured: series.length === 0 ? (reason ?? "") : measured,
    count: requests === 0 ? "" : String(requests),
    interval: shares.map(({ title, low, high }) => `${title} ${percent(low)} to ${percent(high)}`).join(", "),
  };
}

function summaryOf(series: readonly SeriesResult[]): string {
  const asExpected = series.filter(({ verdict }) => verdict === "holds").length;
  return `${asExpected} of ${series.length} kinds of request as expected`;
}

/** `15%`, `0.1%`, `99.9%`. */
export function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))}%`;
}

/** What a person needs to find the cause: the setting, the objects, each wrong request with what both ends saw of it. */
export function failureLines({ path: setting, objects, reason, series }: ProbeResult): string[] {
  const wrong = series.filter(({ verdict }) => verdict === "fails" || verdict === "control failed");
  return [
    ...(reason === undefined ? [] : [`reason: ${reason}`]),
    `setting: ${formatPath(setting)}`,
    ...(objects.length === 0 ? [] : [`objects: ${objects.join(", ")}`]),
    ...wrong.flatMap(({ from, to, request, expected, measured, evidence, failure }) => [
      `${from} to ${to}, ${request}: expected ${expected}; measured ${measured} (by ${evidence})`,
      ...(failure ? [`the client saw: ${clientSide(failure.observation)}`, ...proxySides(failure.observation)] : []),
    ]),
  ];
}

type Observation = NonNullable<SeriesResult["failure"]>["observation"];

function clientSide({ status, exitCode, error, seconds, body }: Observation): string {
  const answer =
    status === 0 ? `no answer (curl ${exitCode}${error === undefined ? "" : `: ${error}`})` : String(status);
  return `${answer} after ${seconds.toFixed(2)} s${body === undefined || body === "" ? "" : `, ${JSON.stringify(body)}`}`;
}

function proxySides({ records }: Observation): string[] {
  if (records.length === 0) return ["no proxy recorded it"];
  return records.map(({ proxy, status, flags, details, upstreamHost, upstream }) => {
    const flag = flags.length === 0 ? "" : `, flags ${flags.join(",")}`;
    const next = upstreamHost === "" ? "sent nowhere" : `sent to ${upstream?.pod ?? upstreamHost}`;
    return `${proxy.kind} ${proxy.namespace}/${proxy.pod} (${proxy.side}): ${status}${flag}, ${details}, ${next}`;
  });
}
