import type { Environment } from "../../components/cluster/kinds/cluster-kind";
import type { Facts, Finding, GuardedResource, Guardrail, Severity } from "./guardrail";
import { guardrails } from "./registry";
import { titleOf } from "./resources";

export interface Violation {
  readonly guardrail: Guardrail;
  readonly severity: Exclude<Severity, "disabled">;
  /** As exceptions name it. */
  readonly resource: string;
  readonly message: string;
}

export function severityOf({ severity }: Guardrail, environment: Environment): Severity {
  return severity[environment];
}

/** Every violation of a program's resources that no exception covers, in the order of the guardrails. */
export function violations(resources: readonly GuardedResource[], facts: Facts): Violation[] {
  return guardrails.flatMap((guardrail) => {
    const severity = severityOf(guardrail, facts.environment);
    if (severity === "disabled") return [];
    const findings =
      guardrail.scope === "stack"
        ? stackFindings(guardrail, resources, facts)
        : resources.flatMap((resource) => resourceFindings(guardrail, resource, facts));
    return findings.map(({ resource, message }) => {
      return { guardrail, severity, resource: resource ? titleOf(resource) : "the stack", message };
    });
  });
}

export function resourceFindings(
  guardrail: Extract<Guardrail, { scope: "resource" }>,
  resource: GuardedResource,
  facts: Facts,
): Finding[] {
  const messages = [...guardrail.check(resource, facts)];
  return withoutExcepted(
    guardrail,
    messages.map((message) => ({ resource, message })),
    facts,
  );
}

export function stackFindings(
  guardrail: Extract<Guardrail, { scope: "stack" }>,
  resources: readonly GuardedResource[],
  facts: Facts,
): Finding[] {
  return withoutExcepted(guardrail, [...guardrail.check(resources, facts)], facts);
}

function withoutExcepted({ id }: Guardrail, findings: readonly Finding[], facts: Facts): Finding[] {
  // ISO dates, whose order is that of their characters; an exception holds through its last day.
  const valid = facts.exceptions.filter((exception) => exception.id === id && exception.until >= facts.today);
  return findings.filter(
    ({ resource }) =>
      !valid.some((one) => one.resource === undefined || (resource && one.resource === titleOf(resource))),
  );
}
