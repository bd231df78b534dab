import { Lease } from "../../shared/kubernetes/lease";
import { type ProgramContext, runProgram } from "../../shared/step/program";
import { cleanUp, endContainers } from "./clean-up";
import { KubernetesCluster } from "./cluster";
import { contextVariable, requestVariable, type VerificationInput, type VerificationRequest } from "./request";
import { runVerification } from "./runner";

/** The command line of `verify.cjs`: `verify` or `remove`. @returns the exit code */
export function main(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const verify = (context: ProgramContext, request: unknown) => {
    const { server, input, log, sleep } = context;
    const cluster = new KubernetesCluster(server);
    const runnerContext = { cluster, log, sleep, signal, projectRoot: process.cwd() };
    return runVerification(request as VerificationRequest, input as VerificationInput, runnerContext);
  };
  const verbs = { verify, remove };
  const stopped = "Stopped: the clients of probes are removed. Run the same command again.";
  const leaves = { remove: "clients of probes" };
  const program = {
    name: "verification",
    requestVariable,
    contextVariable,
    input: true,
    verbs,
    cleanUp: leaves,
    stopped,
  };
  return runProgram(program, argv, signal);
}

/** Does not wait for a cluster that is gone, or for a run that measures. */
async function remove({ server, log, sleep }: ProgramContext): Promise<undefined> {
  const cluster = new KubernetesCluster(server);
  const lease = new Lease({ leases: server, log, sleep }, "verification");
  try {
    await lease.hold(300);
    for (const [title, why] of await cleanUp({ cluster, log, sleep })) log(`Warning: ${title} still exists: ${why}`);
    await endContainers(cluster);
  } finally {
    await lease.release();
  }
}
