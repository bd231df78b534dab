import type { Model } from "../../model/model";
import type { VerificationSettings } from "../../settings/sections/verification";
import type { Probe } from "../probe";

/** What probes are derived from. */
export interface PlanContext {
  readonly model: Model;
  readonly settings: VerificationSettings;
}

/** Derives the probes of one kind of policy. A kind is one file of this folder and a line here. */
export type ProbeSource = (context: PlanContext) => readonly Probe[];

const sources: readonly ProbeSource[] = [];

export function probesOf(context: PlanContext): Probe[] {
  return sources.flatMap((source) => source(context));
}
