/** One resource of a deployment, components too: when it was worked on, and what had to be there before. */
export interface TimedStep {
  readonly urn: string;
  readonly label: string;
  /** URNs. */
  readonly after: readonly string[];
  /** Milliseconds of one clock. */
  readonly startedAt: number;
  readonly endedAt: number;
}

export interface Chain {
  /** Sum of the durations of its steps, in milliseconds: what the deployment takes when nothing else holds it up. */
  readonly ms: number;
  /** In their order. */
  readonly steps: readonly TimedStep[];
}

/** The chain of steps, each needing the one before, that takes longest. Waiting between two steps is not part of it. */
export function longestChain(steps: readonly TimedStep[]): Chain {
  const byUrn = new Map(steps.map((step) => [step.urn, step]));
  const known = new Map<string, Chain>();
  const none: Chain = { ms: 0, steps: [] };
  const upTo = (step: TimedStep): Chain => {
    const found = known.get(step.urn);
    if (found !== undefined) return found;
    const before = step.after.flatMap((urn) => byUrn.get(urn) ?? []).map(upTo);
    const longest = before.reduce((a, b) => (b.ms > a.ms ? b : a), none);
    const chain = { ms: longest.ms + step.endedAt - step.startedAt, steps: [...longest.steps, step] };
    known.set(step.urn, chain);
    return chain;
  };
  return steps.map(upTo).reduce((a, b) => (b.ms > a.ms ? b : a), none);
}
