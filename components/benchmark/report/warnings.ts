import { blocksNote } from "./family";
import type { Report } from "./report";

/** What a reader has to know before any figure: it stands above all else. */
export function warningsOf({ complete, runs, plan }: Report): string[] {
  const invalid = runs.filter(({ problems }) => problems.length > 0);
  const places = plan.scenarios.flatMap((scenario) => {
    const count = invalid.filter((run) => run.scenario === scenario).length;
    return count > 0 ? [`${scenario} ${count}`] : [];
  });
  return [
    ...(complete ? [] : ["Not every planned run was made."]),
    ...(invalid.length > 0
      ? [`${invalid.length} of ${runs.length} runs do not count, for the reasons below: ${places.join(", ")}.`]
      : []),
    ...[blocksNote(plan)].flatMap((note) => (note === undefined ? [] : [`${note}.`])),
  ];
}
