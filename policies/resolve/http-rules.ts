import type { HttpRuleSettings } from "../../components/settings/sections/traffic";
import { listed, type Problems } from "../problems";
import type { Directory } from "./directory";
import type { Subset } from "./resolved";

/** What a rule is checked against: its service, and who will apply it. */
export interface RuleContext {
  readonly namespace: string;
  readonly host: string;
  readonly subsets: readonly Subset[];
  /** A gateway applies it, not the callers' sidecars. */
  readonly atGateway: boolean;
  readonly directory: Directory;
}

type Check = (rule: HttpRuleSettings, path: string, context: RuleContext, problems: Problems) => void;

const checks: readonly Check[] = [checkSubsets, checkSources, checkRetries, checkFaultIsReached, checkBuilt];

/** Checks what the rules of one service refer to. That a rule makes sense by itself is checked with the settings. */
export function checkRules(
  rules: readonly HttpRuleSettings[],
  path: string,
  context: RuleContext,
  problems: Problems,
): void {
  rules.forEach((rule, index) => {
    for (const check of checks) check(rule, `${path}[${index}]`, context, problems);
  });
}

function checkSubsets(rule: HttpRuleSettings, path: string, context: RuleContext, problems: Problems): void {
  const known = new Set(context.subsets.map((subset) => subset.name));
  const named: [field: string, subset: string][] = Object.keys(rule.route ?? {}).map((name) => ["route", name]);
  if (rule.mirror) named.push(["mirror.subset", rule.mirror.subset]);
  for (const [field, name] of named) {
    if (known.has(name)) continue;
    problems.add(
      `${path}.${field}`,
      `found ${name}, which is no subset of ${context.host} (${listed(known)}); add it to subsets`,
    );
  }
}

function checkSources(rule: HttpRuleSettings, path: string, context: RuleContext, problems: Problems): void {
  rule.match?.forEach(({ sourceWorkload }, index) => {
    if (sourceWorkload === undefined) return;
    const where = `${path}.match[${index}].sourceWorkload`;
    if (context.atGateway) {
      problems.add(where, "a gateway does not know which workload asks; use it in an entry without gateways");
    } else if (!context.directory.workload(context.namespace, sourceWorkload)) {
      problems.add(where, context.directory.missing(context.namespace, sourceWorkload));
    }
  });
}

/** Istio refuses a policy for retries that are switched off. */
function checkRetries(rule: HttpRuleSettings, path: string, _context: RuleContext, problems: Problems): void {
  if (rule.retries?.attempts !== 0) return;
  const { perTryTimeout, retryOn, backoff } = rule.retries;
  const others = Object.entries({ perTryTimeout, retryOn, backoff });
  const useless = others.flatMap(([field, value]) => (value === undefined ? [] : [field]));
  if (useless.length > 0) {
    problems.add(`${path}.retries`, `attempts: 0 means no retries; remove ${useless.join(", ")}`);
  }
}

/** Istio refuses a fault where no service is asked. */
function checkFaultIsReached(rule: HttpRuleSettings, path: string, _context: RuleContext, problems: Problems): void {
  const answer = rule.redirect ? "redirect" : rule.directResponse ? "directResponse" : undefined;
  if (rule.fault && answer) {
    problems.add(`${path}.fault`, `cannot stand beside ${answer}, which asks no service; remove one of them`);
  }
}

function checkBuilt(rule: HttpRuleSettings, path: string, _context: RuleContext, problems: Problems): void {
  if (rule.corsPolicy) problems.add(`${path}.corsPolicy`, "is not built yet; remove it, or answer CORS in the service");
}
