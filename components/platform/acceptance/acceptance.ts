import { ApiError, isTemporary } from "../../shared/kubernetes/errors";
import { messageOf } from "../../shared/problem";
import { runProgram, type StepContext, waitForStep } from "../../shared/step/program";
import { type AcceptanceRequest, contextVariable, requestVariable } from "./request";

/**
 * A release is ready when its Pods are, and MetalLB's are some seconds before its webhook listens: the first pool would be
 * refused with "failed calling webhook", and so would the first `up` of a stack. So each object is sent as a dry run until the
 * API server can decide about it. A refusal is a decision as well: creating the object reports it.
 */
export async function acceptance(
  context: Pick<StepContext, "server" | "log" | "sleep">,
  { objects }: AcceptanceRequest,
): Promise<object> {
  const next = "see the events and the logs of the Pods that serve its webhook; then run the same command again";
  await waitForStep(context, { seconds: 120, next }, async () => {
    for (const object of objects) {
      const missing = await context.server.dryRun(object).then(() => undefined, undecided);
      if (missing !== undefined) return `${object.kind} ${object.metadata.name}: ${missing}`;
    }
    return undefined;
  });
  return { accepted: objects.length };
}

/** Why it is not decided yet. An object that exists already (409) was let through. */
function undecided(error: unknown): string | undefined {
  if (error instanceof ApiError && (error.status === 409 || !isTemporary(error))) return undefined;
  return messageOf(error);
}

export function main(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const verbs = { wait: (context: StepContext, request: unknown) => acceptance(context, request as AcceptanceRequest) };
  return runProgram({ name: "platform", requestVariable, contextVariable, verbs }, argv, signal);
}
