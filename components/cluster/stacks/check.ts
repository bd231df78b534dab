import { isUnreachable } from "../../shared/kubernetes/errors";
import { asTree } from "../../shared/merge";
import { runProgram, type StepContext, StepError } from "../../shared/step/program";
import { contextVariable, forceVariable, markerLabel, type OrderRequest, requestVariable } from "./marker";

const force = `npm run destroy -- --force, or ${forceVariable}=1 pulumi destroy`;

/** Fails while another stack is on the cluster. */
export async function checkOrder(
  { server, log }: Pick<StepContext, "server" | "log">,
  { stack }: OrderRequest,
  isForced = process.env[forceVariable] === "1",
) {
  if (isForced) {
    log(`${forceVariable} is set: not checked whether other stacks are on this cluster`);
    return { checked: false };
  }
  const query = { labelSelector: `${markerLabel}=true` };
  const found = await server.list({ apiVersion: "v1", kind: "ConfigMap" }, query).catch((error: unknown) => {
    if (!isUnreachable(error)) throw error;
    throw new StepError(
      "the cluster's API server does not respond, so that it is not known whether another stack is on it",
      `if none is, or it may be lost: ${force}`,
    );
  });
  const stacks = found.map((map) => String(asTree(asTree(map).data).stack)).filter((each) => each !== stack);
  if (stacks.length === 0) return { checked: true };
  throw new StepError(
    `on this cluster is the stack ${stacks.sort().join(", and the stack ")}: its state would list objects of a cluster that does not exist`,
    `destroy it first (pulumi destroy --stack ${stacks[0] ?? ""}). To destroy this stack all the same: ${force}`,
  );
}

export function main(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const verbs = { check: (context: StepContext, request: unknown) => checkOrder(context, request as OrderRequest) };
  return runProgram({ name: "stacks", requestVariable, contextVariable, verbs }, argv, signal);
}
