import { type Program, runProgram } from "../../components/shared/step/program";
import { deleteCluster } from "./delete";
import { parseRequest, requestVariable } from "./request";
import { clusterStatus } from "./status";
import { up } from "./up";

const verbs: Program["verbs"] = {
  up: ({ log }, request) => up(process.cwd(), parseRequest(request), log),
  delete: async ({ log }, request) => {
    await deleteCluster(process.cwd(), parseRequest(request).stack, log);
    return undefined;
  },
  status: (_context, request) => clusterStatus(process.cwd(), parseRequest(request).stack),
};

/** The command line of `embedded-cluster.cjs`: prints the kubeconfig (`up`) or the status as JSON. */
export function main(argv: readonly string[], signal: AbortSignal): Promise<number> {
  return runProgram({ requestVariable, verbs }, argv, signal);
}
