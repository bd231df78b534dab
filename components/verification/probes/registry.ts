import type { PlanContext, Probe, ProbeSource } from "../probe";
import { authorization } from "./authorization";
import { circuitBreakers } from "./circuit-breakers";
import { egress } from "./egress";
import { faults } from "./faults";
import { gateways } from "./gateways";
import { headers } from "./headers";
import { mirrors } from "./mirrors";
import { mtls } from "./mtls";
import { rateLimits } from "./rate-limits";
import { requests } from "./requests";
import { routes } from "./routes";
import { timeouts } from "./timeouts";
import { tokens } from "./tokens";
import { weights } from "./weights";

const sources: readonly ProbeSource[] = [
  authorization,
  tokens,
  mtls,
  egress,
  gateways,
  routes,
  weights,
  faults,
  timeouts,
  mirrors,
  headers,
  circuitBreakers,
  requests,
  // Last, as they leave buckets empty.
  rateLimits,
];

export function probesOf(context: PlanContext): Probe[] {
  return sources.flatMap((source) => source(context));
}
