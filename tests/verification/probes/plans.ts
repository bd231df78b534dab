import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import type { Model } from "../../../components/model/model";
import type { PolicyModel } from "../../../components/model/policies/policy-model";
import { verification } from "../../../components/settings/sections/verification";
import type { z } from "zod";
import { validate } from "../../../components/validation/validate";
import type {
  Expectation,
  Outcome,
  PlanContext,
  Probe,
  ProbeSource,
  Series,
} from "../../../components/verification/probe";
import type { PolicySettings } from "../../support/policy-models";
import { projectRoot } from "../../support/program";

/** Plans of verification for tests, and probes as lines of text. */

type Traffic = NonNullable<PolicySettings["traffic"]>;
export type Services = NonNullable<Traffic["services"]>;
export type RateLimits = NonNullable<Traffic["rateLimits"]>;
export type TrafficPolicy = NonNullable<Services[number]["trafficPolicy"]>;
export type Rules = NonNullable<Services[number]["http"]>;

/** A plan of these policies; of the model, probes read nothing else. */
export function planOf(policies: PolicyModel, given: z.input<typeof verification> = {}): PlanContext {
  const model = { policies, names: policies.names } as Model;
  return { model, settings: verification.parse(given) };
}

type Sections = Readonly<Record<string, unknown>>;

/** The plan of a stack file of this project. @param change what is different in its sections */
export function stackPlan(stack: string, change: (sections: Sections) => Sections = (same) => same): PlanContext {
  const file = readFileSync(path.join(projectRoot, `Pulumi.${stack}.yaml`), "utf8");
  const { config } = parse(file) as { readonly config: Readonly<Record<string, unknown>> };
  const sections = Object.fromEntries(
    Object.entries(config).flatMap(([key, value]) => (key.startsWith("talos-mesh:") ? [[key.slice(11), value]] : [])),
  );
  const model = validate({ ...change(sections), verification: { enabled: false } }, { secretNames: [] });
  return { model, settings: verification.parse(model.settings.verification ?? {}) };
}

/** Those of a kind, as text. */
export function linesFor(source: ProbeSource, ...plan: Parameters<typeof planOf>): string[] {
  return source(planOf(...plan)).flatMap(linesOf);
}

/** A probe on one line, and one line for each of its series. */
export function linesOf(probe: Probe): string[] {
  const marks = [...(probe.alone ? ["alone"] : []), ...(probe.disturbs === undefined ? [] : ["disturbs"])];
  const head = `${probe.name}${marks.length > 0 ? ` [${marks.join(", ")}]` : ""}: ${probe.expectation}`;
  if (probe.notMeasurable !== undefined) return [head, `  not measurable: ${probe.notMeasurable}`];
  return [head, ...probe.series.map((series) => `  ${seriesLine(series)}`)];
}

function seriesLine({ title, role, request, expect, count, concurrency }: Series): string {
  const numbers = [...(count === undefined ? [] : [`n=${count}`]), ...(concurrency ? [`c=${concurrency}`] : [])];
  const { scheme, timeoutSeconds } = request;
  const limit = timeoutSeconds === undefined ? [] : [`within ${timeoutSeconds} s`];
  const sent = [role, ...numbers, ...(scheme ? [scheme] : []), title, ...limit].join(" ");
  return `${sent} -> ${expectationText(expect)}`;
}

function expectationText(expect: Expectation): string {
  switch (expect.kind) {
    case "every":
      return outcomeText(expect.outcome);
    case "share":
      return `${expect.share * 100}% ${outcomeText(expect.outcome)}, else ${outcomeText(expect.else)}`;
    case "shares":
      return expect.outcomes.map(({ outcome, share }) => `${share * 100}% ${outcomeText(outcome)}`).join(", ");
    case "some":
      return expect.outcomes.map(({ outcome, atLeast }) => `>=${atLeast} ${outcomeText(outcome)}`).join(", ");
  }
}

export function outcomeText({ title, ...conditions }: Outcome): string {
  const given = Object.entries(conditions).map(([name, value]) => `${name}=${plain(value)}`);
  return `${title} {${given.join(" ")}}`;
}

function plain(value: unknown): string {
  return JSON.stringify(value).replaceAll('"', "");
}
