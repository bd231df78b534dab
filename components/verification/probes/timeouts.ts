import { milliseconds } from "../../shared/duration";
import type { Outcome, PlanContext, Probe } from "../probe";
import { type Entry, type EntryRule, gatewayEntries, meshEntries } from "../requests/entries";
import { objectsOf, percent } from "../requests/outcomes";
import { effectsFor, matchTitle, ruleTitle, sent } from "./routes";

/**
 * Timeouts and retries show where what is behind a proxy is slow or fails. No setting makes an application so, and a fault
 * at the same proxy comes before its timeout; only the delay of a waypoint behind a gateway is long enough for certain.
 */
export function timeouts(context: PlanContext): Probe[] {
  const { policies } = context.model;
  return [...meshEntries(policies), ...gatewayEntries(policies)].flatMap((entry) =>
    entry.rules.flatMap((taken) => [
      ...(taken.rule.timeout === undefined ? [] : [timeoutProbe(context, entry, taken, taken.rule.timeout)]),
      ...(taken.rule.retries ? [retryProbe(context, entry, taken, taken.rule.retries.attempts)] : []),
    ]),
  );
}

function about(context: PlanContext, entry: Entry, taken: EntryRule, field: "timeout" | "retries") {
  return {
    name: `timeouts ${ruleTitle(entry, taken)} ${field}`,
    kind: "timeouts" as const,
    path: [...taken.path, field],
    objects: objectsOf(context.model.policies, entry, taken),
  };
}

function timeoutProbe(context: PlanContext, entry: Entry, taken: EntryRule, timeout: string): Probe {
  const limit = milliseconds(timeout) / 1000;
  const { asked } = effectsFor(context, entry, taken);
  const [first] = asked;
  const [, ...behind] = first?.explanation.applied ?? [];
  const delay = behind.map(({ rule }) => rule.fault?.delay).find((one) => one !== undefined);
  const seconds = delay ? milliseconds(delay.fixedDelay) / 1000 : 0;
  const expectation = `${taken.rule.match ? `${matchTitle(taken.rule)}: ` : ""}504 after ${timeout}`;
  if (!first || !delay || seconds < limit * 1.2 || delay.percentage === 0) {
    const notMeasurable = `no setting makes what is behind the proxy slower than ${timeout}: a delay of the same rule comes before its timeout`;
    return { ...about(context, entry, taken, "timeout"), expectation, series: [], notMeasurable };
  }
  const late: Outcome = { title: `504 after ${timeout}`, answers: ["timeout"], status: [504], atLeast: limit * 0.95 };
  const inTime: Outcome = { title: "an answer in time", answers: ["application", "denied"], atMost: limit };
  const share = delay.percentage / 100;
  return {
    ...about(context, entry, taken, "timeout"),
    expectation: `${percent(share)} are delayed by ${delay.fixedDelay} and get ${expectation}`,
    alone: true,
    series: [
      {
        ...sent(first, "effect"),
        expect: share === 1 ? { kind: "every", outcome: late } : { kind: "share", share, outcome: late, else: inTime },
      },
    ],
  };
}

function retryProbe(context: PlanContext, entry: Entry, taken: EntryRule, attempts: number): Probe {
  return {
    ...about(context, entry, taken, "retries"),
    expectation: `${attempts} more attempts where one fails`,
    series: [],
    notMeasurable: "no setting makes an attempt fail: a fault of the same rule ends a request before its first attempt",
  };
}
