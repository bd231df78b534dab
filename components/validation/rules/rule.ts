import type { Problem } from "../../shared/problem";
import type { Settings } from "../../settings/schema";

export interface RuleContext {
  /** Names under `talos-mesh:secrets`. */
  readonly secretNames: ReadonlySet<string>;
  /** Their values where they are known: for a rule that must look into one, and whose message never repeats it. */
  readonly secretTexts: ReadonlyMap<string, string>;
}

export interface Rule {
  /** Sections that must be valid by themselves before the rule can be asked. */
  readonly needs: readonly (keyof Settings)[];
  readonly check: (settings: Settings, context: RuleContext) => Iterable<Problem>;
}

/** A rule that sees the sections it needs and no others. */
export function rule<Section extends keyof Settings>(
  needs: readonly Section[],
  check: (settings: Pick<Settings, Section>, context: RuleContext) => Iterable<Problem>,
): Rule {
  return { needs, check };
}
