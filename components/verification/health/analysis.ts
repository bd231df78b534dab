import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseJson } from "../../shared/json";
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

/**
 * What `istioctl analyze` finds in the cluster; nothing where there is no istioctl on PATH.
 *
 * @param kubeconfig its text, which is in a file for as long as the command runs
 */
export async function analysisFindings(
  kubeconfig: string,
  { context, signal }: { readonly context?: string; readonly signal?: AbortSignal },
): Promise<HealthFinding[]> {
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-analysis-"));
  try {
    const file = path.join(folder, "kubeconfig");
    writeFileSync(file, kubeconfig, { mode: 0o600 });
    const which = context === undefined ? [] : ["--context", context];
    const args = ["analyze", "--all-namespaces", "-o", "json", "--kubeconfig", file, ...which];
    // It fails where it finds an error, and prints its findings all the same.
    return analysisFindingsOf(await outputOf(args, signal));
  } catch (error) {
    if (error instanceof CommandError && error.missing) return [];
    signal?.throwIfAborted();
    return [{ level: "not known", subject, message: `istioctl analyze: ${(error as Error).message}` }];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function outputOf(args: readonly string[], signal: AbortSignal | undefined): Promise<string> {
  const lines: string[] = [];
  const onLine = (line: string, stream: string) => void (stream === "stdout" && lines.push(line));
  try {
    await runCommand("istioctl", args, { timeoutMs: 60_000, signal, onLine });
  } catch (error) {
    if (!(error instanceof CommandError) || error.missing || lines.length === 0) throw error;
  }
  return lines.join("\n");
}

/** Those that only inform, such as a namespace without injection, are left out. */
export function analysisFindingsOf(json: string): HealthFinding[] {
  const messages = json.trim() === "" ? [] : parseJson(json);
  if (!Array.isArray(messages)) return [{ level: "not known", subject, message: "istioctl analyze printed no JSON" }];
  const found = (messages as Message[]).filter(({ level }) => level !== "Info");
  if (found.length === 0) return [{ level: "ok", subject, message: "istioctl analyze finds nothing" }];
  return found.map(({ code, level, message, origin, documentationUrl }) => ({
    level: level === "Error" ? "error" : "warning",
    subject,
    message: `${code} ${origin}: ${message}`,
    ...(documentationUrl !== undefined && { next: documentationUrl }),
  }));
}
