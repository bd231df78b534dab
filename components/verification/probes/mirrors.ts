import { workloadKey } from "../../model/names";
import { RouteTargets } from "../../model/policies/route-targets";
import { explain } from "../../../policies/explain/explain";
import type { MirrorSettings } from "../../settings/sections/http-rule";
import { throwUnknown } from "../../shared/unknown";
import type { Answer, Expectation, Outcome, PlanContext, Probe } from "../probe";
import { type Entry, type EntryRule, gatewayEntries, meshEntries } from "../requests/entries";
import type { Asked } from "../requests/find";
import { controlCount, objectsOf, type Part, partsOf, percent, reachedBy } from "../requests/outcomes";
import { controlFor, effectsFor, matchTitle, ruleTitle, sent } from "./routes";

/** Copies of requests, as the sidecars of the pods that get them record them: the client sees none. */
export function mirrors(context: PlanContext): Probe[] {
  const { policies } = context.model;
  return [...meshEntries(policies), ...gatewayEntries(policies)].flatMap((entry) =>
    entry.rules.flatMap((taken) => {
      const { mirror, mirrors: list = [] } = taken.rule;
      return [
        ...(mirror ? [mirrorProbe(context, entry, taken, mirror, "mirror")] : []),
        ...list.map((one, index) => mirrorProbe(context, entry, taken, one, `mirrors[${index}]`)),
      ];
    }),
  );
}

function mirrorProbe(
  context: PlanContext,
  entry: Entry,
  taken: EntryRule,
  mirror: MirrorSettings,
  field: string,
): Probe {
  const { policies } = context.model;
  const { rule, path, service } = taken;
  const target = RouteTargets.of(policies).find(service, mirror) ?? throwUnknown();
  const subset = target.subsets.find(({ name }) => name === mirror.subset);
  const reached = reachedBy(policies, target, subset);
  const share = mirror.percentage / 100;
  const [key = field, index] = field.split(/[[\]]/);
  const about = {
    name: `mirrors ${ruleTitle(entry, taken)} ${field}`,
    kind: "mirrors" as const,
    path: [...path, key, ...(index === undefined ? [] : [Number(index)])],
    objects: objectsOf(policies, entry, taken),
    expectation: `${rule.match ? `${matchTitle(rule)}: ` : ""}${percent(share)} copied to ${reached.title}`,
  };
  const { asked, reasons } = effectsFor(context, entry, taken);
  const [first] = asked;
  if (!first) return { ...about, series: [], notMeasurable: reasons.join("; ") };
  const notMeasurable = limitOf(context, target, first);
  if (notMeasurable !== undefined) return { ...about, series: [], notMeasurable };
  // A version says less than a workload, where a workload has versions of the same names.
  const to = target.name === service.name && target.namespace === service.namespace ? reached.version : undefined;
  const copied = (parts: readonly Part[]): readonly [Outcome, Outcome] => {
    const answers = [...new Set(parts.flatMap(({ outcome }): readonly Answer[] => outcome.answers ?? []))];
    return [
      { title: `copied to ${reached.title}`, answers, mirroredTo: to ?? workloadKey(target) },
      { title: "not copied", answers },
    ];
  };
  const control = controlFor(context, entry, taken);
  const { mirror: other, mirrors: others } = control?.taken?.rule ?? {};
  return {
    ...about,
    alone: true,
    series: [
      { ...sent(first, "effect"), expect: shareOf(share, copied(partsOf(policies, taken, first))) },
      ...(control && !other && !others
        ? [
            {
              ...sent(control.asked, "control"),
              expect: shareOf(0, copied(control.parts)),
              count: controlCount(share),
            },
          ]
        : []),
    ],
  };
}

function shareOf(share: number, [outcome, other]: readonly [Outcome, Outcome]): Expectation {
  return share === 1 ? { kind: "every", outcome } : { kind: "share", share, outcome, else: other };
}

/** Why nothing records the copy. */
function limitOf(
  { model: { policies } }: PlanContext,
  target: Parameters<typeof reachedBy>[1],
  { question }: Asked,
): string | undefined {
  if (target.host !== undefined) return `${target.host} is outside the mesh, where no proxy records copies`;
  if (target.dataPlane !== "sidecar") return `pods of ${target.name} have no proxy that records copies`;
  const { outcome } = explain(policies, { ...question, to: workloadKey(target) });
  const isRefused = outcome === "denied" && policies.names.findGateway(question.from) === undefined;
  return isRefused ? `rules of ${target.name} refuse the copies` : undefined;
}
