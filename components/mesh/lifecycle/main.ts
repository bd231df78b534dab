import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { ApiServer } from "../../shared/kubernetes/api-server";
import type { StepName, StepRequests } from "./requests";
import { StepError, type StepContext } from "./context";
import { cniGate } from "./steps/cni-gate";
import { gatewayAddress } from "./steps/gateway-address";
import { inject } from "./steps/inject";
import { leftovers } from "./steps/leftovers";
import { ready } from "./steps/ready";
import { retire } from "./steps/retire";
import { upgradeCheck } from "./steps/upgrade-check";

/** A step does its work and returns its result, which becomes the command's standard output. */
type Step<Name extends StepName> = (context: StepContext, request: StepRequests[Name]) => Promise<object>;

const steps: { readonly [Name in StepName]: Step<Name> } = {
  "upgrade-check": upgradeCheck,
  "cni-gate": cniGate,
  ready,
  retire,
  leftovers,
  "gateway-address": gatewayAddress,
  inject,
};

/**
 * The command line of `run.cjs`. Standard output is the result, one line of JSON; what a person reads goes to standard
 * error.
 *
 * @returns the exit code
 */
export async function main(
  step: string | undefined,
  env: NodeJS.ProcessEnv,
  stdin: AsyncIterable<Buffer>,
): Promise<number> {
  try {
    if (step === undefined || !Object.hasOwn(steps, step)) {
      throw new StepError(`no step "${step ?? ""}"`, `expected one of: ${Object.keys(steps).join(", ")}`);
    }
    const server = await open(await text(stdin), env.MESH_KUBE_CONTEXT);
    const context: StepContext = {
      server,
      say: (line) => process.stderr.write(`${line}\n`),
      now: () => Date.now(),
      rest: (ms) => delay(ms),
    };
    const result = await run(step as StepName, context, env.MESH_STEP ?? "");
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`istio ${step ?? ""}: ${explained(error)}\n`);
    return 1;
  }
}

/** A failure of the network, of an API server that is not there, says nothing by its own words. */
function explained(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!("syscall" in error)) return error.message;
  const next =
    "see whether the cluster is up and this machine reaches it (kubectl get nodes); then run the same command again";
  return `the cluster's API server does not answer: ${error.message}\nnext: ${next}`;
}

function run<Name extends StepName>(name: Name, context: StepContext, request: string): Promise<object> {
  const step: Step<Name> = steps[name];
  return step(context, JSON.parse(request) as StepRequests[Name]);
}

async function open(kubeconfig: string, context: string | undefined): Promise<ApiServer> {
  try {
    return await ApiServer.open({ kubeconfig, context });
  } catch (error) {
    throw new StepError(
      `the kubeconfig cannot be used: ${(error as Error).message}`,
      "check it with kubectl, and the context in talos-mesh:cluster.kubeconfig",
    );
  }
}
