import { disjoint, type Match } from "../../components/validation/rules/matches";
import type { HttpRuleSettings } from "../../components/settings/sections/traffic";
import type { Problems } from "../problems";
import { matchesByExpression, precedence, routeMatch } from "./matches";

interface Placed {
  readonly rule: number;
  readonly match: Match;
  readonly precedence: readonly number[];
}

/** Refuses rules that HTTPRoute's own order would try before an earlier one that takes some of the same requests. */
export function checkOrder(rules: readonly HttpRuleSettings[], path: string, problems: Problems): void {
  const byExpression = matchesByExpression(rules);
  const placed = rules.flatMap(({ match = [{}] }, rule) =>
    match.map((one): Placed => ({ rule, match: one, precedence: precedence(routeMatch(one, byExpression)) })),
  );
  const reported = new Set<number>();
  for (const [index, later] of placed.entries()) {
    const earlier = placed
      .slice(0, index)
      .find((one) => one.rule !== later.rule && overtakes(later, one) && !disjoint(one.match, later.match));
    if (!earlier || reported.has(later.rule)) continue;
    reported.add(later.rule);
    problems.add(
      `${path}[${later.rule}]`,
      `a HTTPRoute would try it before rule [${earlier.rule}], as it tries exact paths first, then longer ones, then more headers; ` +
        "put it before that rule, or give both the same path",
    );
  }
}

function overtakes({ precedence: a }: Placed, { precedence: b }: Placed): boolean {
  const difference = a.map((number, index) => number - (b[index] ?? 0)).find((one) => one !== 0);
  return (difference ?? 0) > 0;
}
