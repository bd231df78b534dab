import type { PlanContext, Probe } from "../probe";
import { type Entry, type EntryRule, gatewayEntries, meshEntries, titleOf } from "../requests/entries";
import { areDistinct, objectsOf, oneOf, partsOf, percent } from "../requests/outcomes";
import { aloneWhere, controlFor, effectsFor, isSplit, matchTitle, ruleTitle, sent } from "./routes";

/** The shares of a rule that splits requests. Which pod gets one, the proxy that routes it records. */
export function weights(context: PlanContext): Probe[] {
  const { policies } = context.model;
  const entries = [...meshEntries(policies), ...gatewayEntries(policies)];
  return [
    ...entries.flatMap((entry) =>
      entry.rules.filter((rule) => isSplit(context, rule)).map((rule) => weightProbe(context, entry, rule)),
    ),
    ...connectionWeights(context),
  ];
}

function weightProbe(context: PlanContext, entry: Entry, taken: EntryRule): Probe {
  const { policies } = context.model;
  const { rule, path } = taken;
  const about = {
    name: `weights ${ruleTitle(entry, taken)}`,
    kind: "weights" as const,
    path,
    objects: objectsOf(policies, entry, taken),
  };
  const { asked, reasons } = effectsFor(context, entry, taken);
  const [first] = asked;
  if (!first) {
    return { ...about, expectation: matchTitle(rule), series: [], notMeasurable: reasons.join("; ") };
  }
  const parts = partsOf(policies, taken, first);
  const shares = parts.map(({ outcome, share }) => `${percent(share)} ${outcome.title}`).join(", ");
  const expectation = rule.match ? `${matchTitle(rule)}: ${shares}` : shares;
  if (!areDistinct(parts)) {
    const notMeasurable = "by their label `version` alone, the pods of its destinations are not distinguished";
    return { ...about, expectation, series: [], notMeasurable };
  }
  const control = controlFor(context, entry, taken);
  return {
    ...about,
    expectation,
    ...aloneWhere(first),
    series: [
      { ...sent(first, "effect"), expect: { kind: "shares", outcomes: parts } },
      ...(control ? [{ ...sent(control.asked, "control"), expect: oneOf(control.parts) }] : []),
    ],
  };
}

/** A connection has no header by which a proxy could record where it sent it. */
function connectionWeights({ model: { policies } }: PlanContext): Probe[] {
  return policies.services.flatMap((service) => {
    const lists = [
      ["tcp", service.meshTcp],
      ["tls", service.meshTls],
    ] as const;
    return lists.flatMap(([list, rules]) =>
      rules.flatMap(({ route }, index): Probe[] => {
        const path = [...service.meshPath.slice(0, -1), list, index];
        const count = Array.isArray(route) ? route.length : Object.keys(route ?? {}).length;
        const kind = count > 1 ? "weights" : "routes";
        const name = `${kind} ${titleOf(service, policies.names.defaultNamespace)} ${list}[${index}]`;
        const notMeasurable =
          "a connection carries no header by which proxies record which pod it went to; its bytes are the application's own";
        return [{ name, kind, path, expectation: "connections by the rule", series: [], notMeasurable }];
      }),
    );
  });
}
