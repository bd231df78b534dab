import type { Problem } from "./errors";
import type { Rule, RuleContext } from "./rules/rule";
import type { Settings } from "./schema";

/** What must hold between settings, each rule in the file of its concern. */
const rules: readonly Rule[] = [];

/**
 * Problems of every rule whose sections are valid by themselves, so that a mistake in one section does not hide
 * those of the others.
 */
export function checkRules(valid: Partial<Settings>, context: RuleContext): Problem[] {
  return rules
    .filter((rule) => rule.needs.every((section) => Object.hasOwn(valid, section)))
    .flatMap((rule) => [...rule.check(valid as Settings, context)]);
}
