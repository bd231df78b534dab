import type { PlanContext, Probe, ProbeSource } from "../probe";
import { faults } from "./faults";
import { gateways } from "./gateways";
import { routes } from "./routes";
import { weights } from "./weights";

const sources: readonly ProbeSource[] = [gateways, routes, weights, faults];

export function probesOf(context: PlanContext): Probe[] {
  return sources.flatMap((source) => source(context));
}
