import { formatSeconds } from "../../shared/duration";
import { isUnreachable } from "../../shared/kubernetes/errors";
import { armTitle, type RunRecord } from "../metrics/record";
import { estimatedSeconds, longestSeconds, type PlannedRun, plannedSeconds } from "../plan/plan";
import { number } from "../statistics/intervals";
import type { Journal } from "./journal";
import type { Lease } from "./lease";
import { measureRun, type RunContext } from "./measure-run";
import { NotMeasurable } from "./request";
import { podsReady } from "./scenario-check";

export interface RunsContext extends RunContext {
  readonly lease: Pick<Lease, "hold">;
  readonly log: (line: string) => void;
}

/** Seconds for which a cluster may be unreachable. */
const unreachableTimeout = 300;

/** Makes runs one after the other, and keeps each as soon as it is finished. */
export async function makeRuns(context: RunsContext, runs: readonly PlannedRun[], journal: Journal): Promise<void> {
  const { log, signal } = context;
  log(`${runs.length} runs, about ${formatSeconds(estimatedSeconds(runs))}`);
  let overhead = 0;
  const make = async (run: PlannedRun) => {
    signal?.throwIfAborted();
    const record = await makeRun(context, run);
    journal.add(record);
    overhead += record.took;
    return record;
  };
  for (const [index, run] of runs.entries()) {
    const title = `[${index + 1}/${runs.length}] block ${run.block}, ${run.scenario}, ${armTitle(run.arm)}`;
    let record = await make(run);
    if (journal.undone([run]).length > 0) {
      log(`${title}: ${resultOf(record)}; once more`);
      record = await make(run);
    }
    overhead -= plannedSeconds(run.arm);
    const left = estimatedSeconds(runs.slice(index + 1), Math.max(0, overhead / (index + 1)));
    log(`${title}: ${resultOf(record)}${left > 0 ? `; ${formatSeconds(left)} left` : ""}`);
  }
}

/** Makes a run again where the connection broke, which says nothing about what is measured. @throws NotMeasurable in the end */
async function makeRun(context: RunsContext, run: PlannedRun): Promise<RunRecord> {
  const { lease, log, sleep } = context;
  let waited = 0;
  let logged = "";
  for (let tries = 1; ; tries++) {
    try {
      await lease.hold(longestSeconds(run.arm) + (tries > 1 ? unreachableTimeout : 0));
      if (tries > 1) await podsReady(context, run.scenario);
      return await measureRun(context, run);
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      const { message } = error as Error;
      if (tries > 2 && waited >= unreachableTimeout) {
        const next = "The same command continues after the last finished run";
        throw new NotMeasurable(`${message}; tried ${tries} times, with ${formatSeconds(waited)} in between. ${next}`);
      }
      // The load of the broken run may go on in its pod until its time is over, and would be measured with the next one.
      const wait = Math.max(5, plannedSeconds(run.arm));
      if (message !== logged) log(`${message}; once more in ${formatSeconds(wait)}, when its load has ended`);
      logged = message;
      await sleep(1000 * wait);
      waited += wait;
    }
  }
}

/** The figure of a run that a person watches. */
function resultOf({ outcome, problems }: RunRecord): string {
  if (problems.length > 0) return `does not count, ${problems.join("; ")}`;
  if (outcome?.kind === "stream") return `${number(outcome.bitsPerSecond / 1e9)} Gbit/s`;
  if (outcome?.corrected) return `p99 ${number(outcome.corrected.percentiles["99"] ?? NaN)} ms`;
  return `${number(outcome?.actualQps ?? NaN)} requests a second`;
}
