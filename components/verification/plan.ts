import type { PlanContext, Probe } from "./probe";
import { probesOf } from "./probes/registry";

/** The probes of a stack, in the order of the settings within each kind. Pure: it reads no cluster. */
export function verificationProbes(context: PlanContext): Probe[] {
  return probesOf(context);
}
