import { type ProgramContext, runProgram } from "../../shared/step/program";
import { authorityCheck } from "./authority";
import { inject } from "./inject";
import { authorityReady, gatewayAddress, ready } from "./readiness";
import { leftovers, retire } from "./removal";
import type { MeshStepName, StepRequests } from "./steps";
import { cniGate, upgradeCheck } from "./upgrade";

/** The result of a step becomes the Command's standard output. */
const steps: {
  readonly [Name in MeshStepName]: (context: ProgramContext, request: StepRequests[Name]) => Promise<object>;
} = {
  "upgrade-check": upgradeCheck,
  "cni-gate": cniGate,
  ready,
  "authority-check": authorityCheck,
  "authority-ready": authorityReady,
  retire,
  leftovers,
  "gateway-address": gatewayAddress,
  inject,
};

/** The command line of `run.cjs`: the name of a step. @returns the exit code */
export function main(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const verbs = steps as Readonly<Record<string, (context: ProgramContext, request: unknown) => Promise<object>>>;
  const program = { name: "istio", requestVariable: "MESH_STEP", contextVariable: "MESH_KUBE_CONTEXT", verbs };
  return runProgram(program, argv, signal);
}
