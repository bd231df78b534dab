import { securityCapabilities } from "./security";
import { trafficCapabilities } from "./traffic";

export type { Capability } from "./capability";

/**
 * What each demand becomes in each data plane, and what is refused there and why. The compilers take their refusals
 * from this table, docs/policies-data-planes.md is made from it, and tests/policies/demands.ts has a model for each row.
 */
export const capabilities = { ...trafficCapabilities, ...securityCapabilities } as const;

export type Demand = keyof typeof capabilities;

/** Demands that the ambient data plane cannot meet in any form. */
export type RefusedInAmbient = {
  [Name in Demand]: (typeof capabilities)[Name]["ambient"] extends { readonly refused: string } ? Name : never;
}[Demand];

/** What to say of a demand that the ambient data plane refuses. */
export function ambientRefusal(demand: RefusedInAmbient): string {
  const { refused, instead } = capabilities[demand].ambient;
  return `not in the ambient data plane: ${refused}; instead: ${instead}`;
}
