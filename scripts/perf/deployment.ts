import path from "node:path";
import type { RunObserver } from "../../cli/engine/engine";
import { applyStack, destroyStack } from "../../embedded/engine/run";
import { longestChain, type Chain, type TimedStep } from "./critical-path";

export interface Deployment {
  /** Milliseconds from the start of the program to its last resource. */
  readonly ms: number;
  /** The longest chain; its first step is loading the program, which all others need. */
  readonly chain: Chain;
}

/** A stack beside the user's own, with a cluster of its own. */
const stack = "perf";

const silent: RunObserver = {
  started: () => undefined,
  progressed: () => undefined,
  finished: () => undefined,
  failed: () => undefined,
  note: () => undefined,
};

/** Deploys dev from nothing with the embedded runner, measures it, and takes it down again. */
export async function measureDeployment(projectRoot: string): Promise<Deployment> {
  const run = { projectRoot, stack, observer: silent };
  // What a measurement that was cut short has left.
  await destroyStack(run);
  const steps: TimedStep[] = [];
  const startedAt = Date.now();
  try {
    const configFile = path.join(projectRoot, "Pulumi.dev.yaml");
    await applyStack({ ...run, configFile, onStep: (step) => steps.push(step) });
    return { ms: Date.now() - startedAt, chain: longestChain(withProgram(steps, startedAt)) };
  } finally {
    await destroyStack(run);
  }
}

function withProgram(steps: readonly TimedStep[], startedAt: number): TimedStep[] {
  const endedAt = Math.min(...steps.map((step) => step.startedAt));
  const program = { urn: "program", label: "the program", after: [], startedAt, endedAt };
  return [program, ...steps.map((step) => ({ ...step, after: [...step.after, program.urn] }))];
}
