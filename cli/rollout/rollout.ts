import { formatSeconds } from "../../components/shared/duration";
import { type Counted, type Judgement, judge, type Tolerance } from "./judge";
import { nextShare, shifted, type Weights } from "./split";

export interface RolloutPlan {
  /** The subset that gets the requests. */
  readonly to: string;
  /** Its shares in percent, ascending. */
  readonly steps: readonly number[];
  readonly tolerance: Tolerance;
  /** Seconds of requests that a look judges, and until the next one. */
  readonly window: number;
  readonly interval: number;
  /** Seconds until a step that cannot be judged is held. */
  readonly deadline: number;
}

/** What a rollout does to the world. */
export interface RolloutEffects {
  /** Requests of the last seconds: to the new version, and to the versions that it replaces. */
  readonly counts: (seconds: number) => Promise<{ readonly canary: Counted; readonly others: Counted }>;
  /** Puts weights into the stack file. */
  readonly write: (weights: Weights) => void;
  /** Deploys the stack file. Without it, one step is made, and the stack file is deployed by others. @returns whether it succeeded */
  readonly deploy?: () => Promise<boolean>;
  readonly sleep: (ms: number) => Promise<unknown>;
  readonly log: (line: string) => void;
}

/** `stepped`: the next step is in the stack file; `failed`: a deployment failed. */
export type RolloutEnd = "finished" | "stepped" | "held" | "back" | "failed";

/** Proxies serve old configuration for up to 45 s after a change, while Envoy drains its listeners. */
const settleSeconds = 60;

/**
 * Shifts the requests of a service to a version: after each step it compares the version with those that it replaces, and
 * goes on, waits, or goes back. It begins where the weights are, so a run that was killed is continued by another.
 *
 * @param split the weights of the stack file, which are deployed
 */
export async function rollOut(split: Weights, plan: RolloutPlan, effects: RolloutEffects): Promise<RolloutEnd> {
  const { to, steps } = plan;
  const { log, deploy } = effects;
  let weights = split;
  for (let isFirst = true; ; isFirst = false) {
    const share = weights.get(to) ?? 0;
    if (share > 0 && share < 100) {
      const decision = await watch(share, plan, effects, isFirst);
      if (decision === "back") {
        await change(shifted(weights, to, 0));
        return "back";
      }
      if (decision === "hold") return "held";
    }
    const next = nextShare(weights, to, steps);
    if (next === undefined) {
      log(`${to} has ${share}%${share === 100 ? "" : ": that is the last step"}.`);
      return "finished";
    }
    weights = shifted(weights, to, next);
    if (!(await change(weights))) return "failed";
    if (!deploy) return "stepped";
  }

  async function change(changed: Weights): Promise<boolean> {
    log(`weights: ${[...changed].map(([subset, weight]) => `${subset} ${weight}`).join(", ")}`);
    effects.write(changed);
    return !deploy || deploy();
  }
}

/** Looks until the requests show whether the version is worse; without deployments of our own, once. */
async function watch(
  share: number,
  { to, tolerance, window, interval, deadline }: RolloutPlan,
  { counts, deploy, sleep, log }: RolloutEffects,
  isFirst: boolean,
): Promise<Judgement["decision"]> {
  if (!isFirst) await sleep((settleSeconds + interval) * 1000);
  // After a deployment, only requests that came under the new weights; a share that was found is older than the window.
  const known = isFirst ? window : interval;
  for (let spent = 0; ; spent += interval) {
    if (spent > 0) await sleep(interval * 1000);
    const seconds = Math.min(window, known + spent);
    const { canary, others } = await counts(seconds);
    const { decision, lines } = judge(canary, others, tolerance);
    log(`${to} at ${share}%, last ${formatSeconds(seconds)}: ${decision}`);
    for (const line of lines) log(`  ${line}`);
    if (decision !== "hold" || !deploy || spent + interval >= deadline) return decision;
  }
}
