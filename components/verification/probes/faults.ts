import type { HttpRuleSettings } from "../../settings/sections/http-rule";
import { milliseconds } from "../../shared/duration";
import type { Answer, Expectation, Outcome, PlanContext, Probe } from "../probe";
import { type Entry, type EntryRule, gatewayEntries, meshEntries } from "../requests/entries";
import { controlCount, objectsOf, type Part, partsOf, percent } from "../requests/outcomes";
import { controlFor, effectsFor, matchTitle, ruleTitle, sent } from "./routes";

type Fault = NonNullable<HttpRuleSettings["fault"]>;

/** Less than this could be the network or a busy pod. */
const shortestDelay = 0.25;

/** Aborts by the flag of the proxy, delays by the time until the answer; each has a probe of its own. */
export function faults(context: PlanContext): Probe[] {
  const { policies } = context.model;
  const entries = [...meshEntries(policies), ...gatewayEntries(policies)];
  return entries.flatMap((entry) =>
    entry.rules.flatMap((taken) => {
      const { abort, delay } = taken.rule.fault ?? {};
      return [
        ...(abort ? [faultProbe(context, entry, taken, abortOf(abort))] : []),
        ...(delay ? [faultProbe(context, entry, taken, delayOf(delay))] : []),
      ];
    }),
  );
}

interface Measured {
  readonly field: keyof Fault;
  readonly title: string;
  readonly share: number;
  /** Of what a fault and its absence are, by the answers that are possible besides. */
  readonly present: (answers: readonly Answer[]) => Outcome;
  readonly absent: (answers: readonly Answer[]) => Outcome;
  readonly notMeasurable?: string;
}

function abortOf({ httpStatus, grpcStatus, percentage }: NonNullable<Fault["abort"]>): Measured {
  const title = `an injected ${httpStatus ?? grpcStatus}`;
  const status = httpStatus !== undefined && { status: [httpStatus] };
  return {
    field: "abort",
    title,
    share: percentage / 100,
    present: () => ({ title, answers: ["fault"], ...status }),
    absent: (answers) => ({ title: "no fault", answers: answers.filter((one) => one !== "fault") }),
  };
}

function delayOf({ fixedDelay, percentage }: NonNullable<Fault["delay"]>): Measured {
  const delay = milliseconds(fixedDelay) / 1000;
  const limit = Number((delay * 0.95).toFixed(3));
  const short = `a delay of less than ${shortestDelay} s is not distinguished from that of the network`;
  return {
    field: "delay",
    title: `delayed by ${fixedDelay}`,
    share: percentage / 100,
    present: (answers) => ({ title: `after ${fixedDelay}`, answers, atLeast: limit }),
    absent: (answers) => ({ title: "at once", answers, atMost: limit }),
    ...(delay < shortestDelay && { notMeasurable: short }),
  };
}

function faultProbe(context: PlanContext, entry: Entry, taken: EntryRule, measured: Measured): Probe {
  const { rule, path } = taken;
  const { policies } = context.model;
  const { field, title, share, present, absent } = measured;
  const about = {
    name: `faults ${ruleTitle(entry, taken)} ${field}`,
    kind: "faults" as const,
    path: [...path, "fault", field],
    objects: objectsOf(policies, entry, taken),
    expectation: `${rule.match ? `${matchTitle(rule)}: ` : ""}${percent(share)} ${title}`,
  };
  const { asked, reasons } = effectsFor(context, entry, taken);
  const [first] = asked;
  const notMeasurable = first ? measured.notMeasurable : reasons.join("; ");
  if (!first || notMeasurable !== undefined) return { ...about, series: [], notMeasurable };
  const answers = answersOf(partsOf(policies, taken, first));
  const control = controlFor(context, entry, taken);
  const clean = control?.taken?.rule.fault?.[field] ? undefined : control;
  return {
    ...about,
    alone: true,
    disturbs: "its requests fail or wait, as those of users do",
    series: [
      { ...sent(first, "effect"), expect: shareOf(share, present(answers), absent(answers)) },
      ...(clean
        ? [
            {
              ...sent(clean.asked, "control"),
              expect: shareOf(0, present([]), absent(answersOf(clean.parts))),
              count: controlCount(share),
            },
          ]
        : []),
    ],
  };
}

function shareOf(share: number, outcome: Outcome, other: Outcome): Expectation {
  if (share === 1) return { kind: "every", outcome };
  return share === 0 ? { kind: "every", outcome: other } : { kind: "share", share, outcome, else: other };
}

function answersOf(parts: readonly Part[]): Answer[] {
  return [...new Set(parts.flatMap(({ outcome: { answers = [] } }) => answers))];
}
