import { blocksNote } from "./family";
import type { Report } from "./report";
import { runsByScenario } from "./runs";

/** What a reader has to know before any figure: it stands above all else. */
export function warningsOf(report: Report): string[] {
  const { complete, plan } = report;
  const scenarios = runsByScenario(report);
  const counted = (of: "lost" | "again", words: string) => {
    const places = scenarios.filter((each) => each[of] > 0);
    const sum = places.reduce((all, each) => all + each[of], 0);
    const where = places.map((each) => `${each.scenario} ${each[of]}`).join(", ");
    return sum > 0 ? [`${sum} of ${plan.runs} runs ${words}, for the reasons below: ${where}.`] : [];
  };
  const blind = scenarios.every(({ clientShares }) => clientShares.length === 0);
  return [
    ...(complete ? [] : ["Not every planned run was made."]),
    ...counted("lost", "do not count"),
    ...counted("again", "were made again"),
    ...(blind && scenarios.some(({ atFixedRate }) => atFixedRate > 0)
      ? ["No run has counters of the load generator, so that nothing tells whether it was too busy to measure."]
      : []),
    ...[blocksNote(plan)].flatMap((note) => (note === undefined ? [] : [`${note}.`])),
  ];
}
