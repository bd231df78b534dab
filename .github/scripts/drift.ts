import { readFileSync } from "node:fs";
import { bodyLimit, code, fenced, GitHub, isOurs, required, runScript, written } from "./github";

export type Finding = "unchanged" | "drifted" | "unknown";

/**
 * Reads the exit code and the output of `pulumi preview --expect-no-changes`. The CLI has no exit code for "there are
 * changes", so its message decides. After any other failure nothing is known about drift.
 */
export function finding(exitCode: number, output: string): Finding {
  if (exitCode === 0) return "unchanged";
  return /no changes were expected\b.*\bbut changes were proposed/.test(output) ? "drifted" : "unknown";
}

/** Keeps one open issue for a stack while it differs from its commit or cannot be checked. Gives a message. */
export async function reportDrift(
  github: GitHub,
  stack: string,
  found: Finding,
  output: string,
  runUrl: string,
): Promise<string> {
  const marker = `<!-- talos-mesh:drift:${stack} -->`;
  const issues = await github.list("/issues?state=open&sort=created", written);
  const open = issues.find((issue) => isOurs(issue, marker))?.number;
  if (found === "unchanged") {
    if (open === undefined) return `${stack}: no drift.`;
    await github.send("POST", `/issues/${open}/comments`, { body: `The stack no longer differs: ${runUrl}` });
    await github.send("PATCH", `/issues/${open}`, { state: "closed" });
    return `${stack}: no drift; closed #${open}.`;
  }
  const title = found === "drifted" ? `Drift: ${stack}` : `Drift: ${stack} could not be checked`;
  const text =
    found === "drifted"
      ? `${code(stack)} differs from the commit that was deployed to it. It was changed by hand, or by another program. ` +
        "Deploying that commit again undoes this; the check changes nothing."
      : `The preview of ${code(stack)} failed, so nothing is known about drift.`;
  const intro = `${marker}\n${text}\n\nRun: ${runUrl}\n\n`;
  const body = intro + fenced(output, found === "drifted" ? "diff" : "text", bodyLimit - intro.length - 200);
  if (open === undefined) {
    await github.send("POST", "/issues", { title, body });
    return `${stack}: ${found}; opened an issue.`;
  }
  await github.send("PATCH", `/issues/${open}`, { title, body });
  return `${stack}: ${found}; updated #${open}.`;
}

/** Usage: drift.ts STACK EXIT-CODE-FILE OUTPUT-FILE. Exit code 1 unless the stack is unchanged. */
function main([stack, codeFile, outputFile]: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  if (stack === undefined || codeFile === undefined || outputFile === undefined) {
    throw new Error("usage: drift.ts STACK EXIT-CODE-FILE OUTPUT-FILE");
  }
  const output = readFileSync(outputFile, "utf8");
  const found = finding(Number(readFileSync(codeFile, "utf8").trim() || "1"), output);
  if (found !== "unchanged") process.exitCode = 1;
  return reportDrift(new GitHub(env), stack, found, output, required(env, "RUN_URL"));
}

void runScript(module, main);
