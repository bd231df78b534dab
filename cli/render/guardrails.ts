import { plainSecrets } from "../../components/settings/stack-file";
import type { ProgramResult } from "../../embedded/program/run-program";
import { isUnknown, mapLeaves } from "../../embedded/program/secrets";
import { violations, type Violation } from "../../policies/guardrails/evaluate";
import { type GuardedResource, today, unknownValue } from "../../policies/guardrails/guardrail";
import { openStack, type StackChoice } from "../stack-option";

/**
 * The violations of what a program has registered. Reads the stack file for environment, exceptions and secrets.
 *
 * @param day by which exceptions have ended or not
 */
export function guardrailViolations(choice: StackChoice, { registrations }: ProgramResult, day = today()): Violation[] {
  const { settings } = openStack({ stack: choice.stack, config: choice.configFile });
  const facts = {
    environment: settings.environment,
    exceptions: settings.guardrails.exceptions,
    today: day,
    plainSecrets: [...plainSecrets(choice.projectRoot, choice.configFile).keys()],
  };
  return violations(guardedResources(registrations), facts);
}

function guardedResources(registrations: ProgramResult["registrations"]): GuardedResource[] {
  return registrations.map(({ urn, type, name, inputs, protect }) => {
    const props = mapLeaves(inputs, (leaf) => (isUnknown(leaf) ? unknownValue : leaf)) as GuardedResource["props"];
    return { urn, type, name, props, protect };
  });
}

/** Lines for a terminal: each guardrail once, with what violates it. */
export function violationLines(all: readonly Violation[]): string[] {
  const lines: string[] = [];
  for (const guardrail of new Set(all.map((each) => each.guardrail))) {
    const found = all.filter((each) => each.guardrail === guardrail);
    lines.push(`${found[0]?.severity} ${guardrail.id}: ${guardrail.title}`);
    for (const { resource, message } of found) lines.push(`  ${resource}: ${message}`);
  }
  return lines;
}
