import type { PlanContext, Probe, ProbeSource } from "../probe";
import { authorization } from "./authorization";
import { egress } from "./egress";
import { faults } from "./faults";
import { gateways } from "./gateways";
import { mtls } from "./mtls";
import { routes } from "./routes";
import { tokens } from "./tokens";
import { weights } from "./weights";

const sources: readonly ProbeSource[] = [authorization, tokens, mtls, egress, gateways, routes, weights, faults];

export function probesOf(context: PlanContext): Probe[] {
  return sources.flatMap((source) => source(context));
}
