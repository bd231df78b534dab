import { blocksNote } from "./family";
import type { Report } from "./report";

/** What a reader has to know before any figure: it stands above all else. */
export function warningsOf({ complete, runs, plan }: Report): string[] {
  const valid = new Set(runs.filter(({ problems }) => problems.length === 0).map(({ id }) => id));
  const invalid = runs.filter(({ problems }) => problems.length > 0);
  const lost = new Map(invalid.filter(({ id }) => !valid.has(id)).map(({ id, scenario }) => [id, scenario]));
  const repeated = new Set(invalid.map(({ id }) => id)).size - lost.size;
  const places = plan.scenarios.flatMap((scenario) => {
    const count = [...lost.values()].filter((each) => each === scenario).length;
    return count > 0 ? [`${scenario} ${count}`] : [];
  });
  return [
    ...(complete ? [] : ["Not every planned run was made."]),
    ...(lost.size > 0
      ? [`${lost.size} of ${plan.runs} runs do not count, for the reasons below: ${places.join(", ")}.`]
      : []),
    ...(repeated > 0 ? [`${repeated} of ${plan.runs} runs count only as made again, for the reasons below.`] : []),
    ...[blocksNote(plan)].flatMap((note) => (note === undefined ? [] : [`${note}.`])),
  ];
}
