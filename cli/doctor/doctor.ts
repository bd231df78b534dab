import type { Model } from "../../components/model/model";
import type { ApiServer } from "../../components/shared/kubernetes/api-server";
import { messageOf } from "../../components/shared/problem";
import type { HealthFinding } from "../../components/verification/result";
import type { Deployment } from "../engine/pulumi-recovery";
import type { StackChoice } from "../stack-option";

/** A finding of the mesh's health is one of these as well. */
export interface Finding extends HealthFinding {
  /** `this machine`, `cluster`, `node cp-1 (10.0.0.11)`, a file. */
  readonly where: string;
}

/** Of a check, which has the subject. */
export type Found = Omit<Finding, "subject">;

/** What the checks look at; parts of it are read once, and by the first check that needs them. */
export interface DoctorContext extends StackChoice {
  /** Undefined where the stack file has problems. */
  readonly model: Model | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The state with its secrets; undefined where the Pulumi CLI has not deployed the stack. */
  readonly deployment: () => Promise<Deployment | undefined>;
  /** Undefined where there is no cluster yet. */
  readonly server: () => Promise<ApiServer | undefined>;
}

export interface Check {
  /** The subject of its findings. */
  readonly subject: string;
  readonly where: string;
  /** Seconds. */
  readonly limit: number;
  readonly run: (context: DoctorContext, signal: AbortSignal) => Promise<readonly Found[]>;
}

export const ok = (where: string, message: string) => ({ level: "ok", where, message }) as const;
export const warning = (where: string, message: string, next: string) =>
  ({ level: "warning", where, message, next }) as const;
export const failure = (where: string, message: string, next: string) =>
  ({ level: "error", where, message, next }) as const;
export const notKnown = (where: string, message: string, next?: string) =>
  ({ level: "not known", where, message, next }) as const;

/** Why a check has nothing to look at, and what helps: a finding of its own already. */
export class NothingToCheck extends Error {}

/**
 * Runs all checks at once. A check that fails, or takes too long, is a finding that its subject is not known; it hides no
 * other. Findings are in the order of the checks.
 */
export async function examine(context: DoctorContext, checks: readonly Check[]): Promise<Finding[]> {
  const found = await Promise.all(
    checks.map(async (check) => {
      const { subject, where, limit } = check;
      try {
        return (await withinLimit(check, context)).map((finding) => ({ subject, ...finding }));
      } catch (error) {
        if (error instanceof NothingToCheck) return [];
        const seconds = (error as Error).name === "TimeoutError" ? `it took more than ${limit} s` : messageOf(error);
        return [{ subject, ...notKnown(where, seconds.split("\n").slice(0, 6).join("\n")) }];
      }
    }),
  );
  return found.flat();
}

async function withinLimit({ limit, run }: Check, context: DoctorContext) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new DOMException("too long", "TimeoutError")), 1000 * limit);
  const expired = new Promise<never>((_, reject) => {
    controller.signal.addEventListener("abort", () => reject(controller.signal.reason as Error), { once: true });
  });
  try {
    return await Promise.race([run(context, controller.signal), expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** Gives the same promise each time, from the first call on. */
export function once<T>(read: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => (result ??= read());
}

/** 0 where nothing is an error: warnings, and what is not known, are for people. */
export function exitCode(findings: readonly Finding[]): number {
  return findings.some(({ level }) => level === "error") ? 1 : 0;
}
