import { securityCapabilities } from "./security";
import { trafficCapabilities } from "./traffic";

export type { Capability } from "./capability";

/**
 * What each capability becomes in each data plane, and what is refused there and why. Validation takes its refusals from
 * this table, docs/policies-data-planes.md is generated from it, and tests/policies/demands.ts has a model for each row.
 */
export const capabilities = { ...trafficCapabilities, ...securityCapabilities } as const;

export type Demand = keyof typeof capabilities;

/** Capabilities that the ambient data plane does not have in any form. */
export type RefusedInAmbient = {
  [Name in Demand]: (typeof capabilities)[Name]["ambient"] extends { readonly refused: string } ? Name : never;
}[Demand];

/** The message for a capability that the ambient data plane does not have. */
export function ambientRefusal(capability: RefusedInAmbient): string {
  const { refused, instead } = capabilities[capability].ambient;
  return `not in the ambient data plane: ${refused}; instead: ${instead}`;
}
