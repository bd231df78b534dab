import type { Overrides, PolicySettings } from "../../support/policy-models";

/** One scenario a concern: what a user writes, and what else differs from the shop. Each has a golden file. */
export interface Scenario {
  readonly settings: PolicySettings;
  readonly overrides?: Overrides;
}

export type Scenarios = Readonly<Record<string, Scenario>>;
