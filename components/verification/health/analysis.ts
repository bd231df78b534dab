import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseJson } from "../../shared/json";
import type { LiveObject } from "../../shared/kubernetes/object";
import { CommandError, runCommand } from "../../shared/run-command";
import type { HealthFinding } from "../result";

/** A finding of `istioctl analyze -o json`. */
interface Message {
  readonly code: string;
  readonly level: "Error" | "Warning" | "Info";
  readonly message: string;
  readonly origin: string;
  readonly documentationUrl?: string;
}

const subject = "analysis";

interface AnalysisOptions {
  /** Of the cluster. @default none */
  readonly telemetries?: readonly LiveObject[];
  /** @default 60,000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * What `istioctl analyze` finds in the cluster; nothing where there is no istioctl on PATH.
 *
 * @param kubeconfig its text, which is in a file for as long as the command runs
 */
export async function analysisFindings(
  kubeconfig: string,
  { telemetries = [], timeoutMs = 60_000, signal }: AnalysisOptions,
): Promise<HealthFinding[]> {
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-analysis-"));
  try {
    const file = path.join(folder, "kubeconfig");
    writeFileSync(file, kubeconfig, { mode: 0o600 });
    const args = ["analyze", "--all-namespaces", "-o", "json", "--kubeconfig", file];
    return analysisFindingsOf(await outputOf(args, timeoutMs, signal), telemetries);
  } catch (error) {
    if (error instanceof CommandError && error.missing) return [];
    signal?.throwIfAborted();
    return [{ level: "not known", subject, message: `istioctl analyze: ${(error as Error).message}` }];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function outputOf(args: readonly string[], timeoutMs: number, signal: AbortSignal | undefined): Promise<string> {
  const lines: string[] = [];
  const onLine = (line: string, stream: string) => void (stream === "stdout" && lines.push(line));
  try {
    // With what it starts to log in, which would keep its output open after its end.
    await runCommand("istioctl", args, { timeoutMs, signal, onLine, ownGroup: true });
  } catch (error) {
    // It fails where it finds an error, and prints its findings all the same.
    const isFinding = error instanceof CommandError && /^exit code/.test(error.reason) && lines.length > 0;
    if (!isFinding) throw error;
  }
  return lines.join("\n");
}

/** Those that only inform, such as a namespace without injection, and those about clients of probes are left out. */
export function analysisFindingsOf(json: string, telemetries: readonly LiveObject[] = []): HealthFinding[] {
  const messages = json.trim() === "" ? [] : parseJson(json);
  if (!Array.isArray(messages)) return [{ level: "not known", subject, message: "istioctl analyze printed no JSON" }];
  const isOfClient = ({ origin }: Message) => /\btalos-mesh-(probe-|witness|verification)/.test(origin);
  const all = (messages as Message[]).filter((one) => one.level !== "Info" && !isOfClient(one));
  const found = all.filter((message) => !isFalseAlarm(message, telemetries));
  const left = all.length - found.length;
  const note: HealthFinding = {
    ...{ level: "ok", subject },
    message: `${left} findings IST0160 are left out: they count a Telemetry with targetRefs as one for its whole namespace`,
  };
  const others = left === 0 ? [] : [note];
  if (found.length === 0) return [{ level: "ok", subject, message: "istioctl analyze finds nothing" }, ...others];
  return [...found.map(findingOf), ...others];
}

function findingOf({ code, level, message, origin, documentationUrl }: Message): HealthFinding {
  return {
    level: level === "Error" ? "error" : "warning",
    subject,
    message: `${code} ${origin}: ${message}`,
    ...(documentationUrl !== undefined && { next: documentationUrl }),
  };
}

/**
 * Several Telemetries of a namespace without a selector conflict, but one with targetRefs is for what these name.
 *
 * Source: istio/istio, pkg/config/analysis/analyzers/telemetry/default_selector.go, which knows no targetRefs.
 */
function isFalseAlarm({ code, message }: Message, telemetries: readonly LiveObject[]): boolean {
  const [, list = "", namespace] = /^The Telemetries \[?([^\]]*)\]? in namespace "([^"]+)"/.exec(message) ?? [];
  if (code !== "IST0160" || namespace === undefined) return false;
  const names = list.split(/[ ,]+/);
  const wide = telemetries.filter(({ metadata, spec }) => {
    const isMeant = metadata.namespace === namespace && names.includes(metadata.name);
    return isMeant && !spec?.selector && !spec?.targetRefs && !spec?.targetRef;
  });
  const isKnown = names.every((name) =>
    telemetries.some(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
  );
  return isKnown && wide.length <= 1;
}
