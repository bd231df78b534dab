import type { PlanContext, Probe, ProbeSource } from "../probe";

const sources: readonly ProbeSource[] = [];

export function probesOf(context: PlanContext): Probe[] {
  return sources.flatMap((source) => source(context));
}
