import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { bodyLimit, code, fenced } from "../../scripts/ci/markdown";
import { required, runScript } from "../../scripts/ci/script";
import { GitHub, isOurs, written } from "./github";

/** What one of the nightly checks found: nothing, what it looks for, or not known. */
export type Finding = "none" | "found" | "unknown";

interface Check {
  /** Of its output, after an exit code that is not 0, where it found what it looks for. No command has an exit code for that. */
  readonly pattern: RegExp;
  readonly title: string;
  readonly found: string;
  readonly unknown: string;
  readonly gone: string;
}

/** By the name that nightly.sh gives its files. */
export const checks = {
  drift: {
    pattern: /no changes were expected\b.*\bbut changes were proposed/,
    title: "Drift",
    found:
      "differs from the commit that was deployed to it. It was changed by hand, or by another program, or a rollback has left " +
      "something. Deploying that commit again undoes this; the check changes nothing.",
    unknown: "could not be compared with the commit that is deployed to it.",
    gone: "The stack no longer differs",
  },
  verification: {
    pattern: /\bpolic(y is|ies are) not verified/,
    title: "Policies do not hold",
    found: "has policies that do not hold now. The report is an artifact of the run.",
    unknown: "could not be verified.",
    gone: "Every policy holds again",
  },
} as const satisfies Readonly<Record<string, Check>>;

export function finding(check: Check, exitCode: number, output: string): Finding {
  if (exitCode === 0) return "none";
  return check.pattern.test(output) ? "found" : "unknown";
}

/** Keeps one open issue for a stack and a check while it finds something, or cannot be made. Gives a message. */
export async function report(
  github: GitHub,
  stack: string,
  name: keyof typeof checks,
  { exitCode, output, runUrl }: { readonly exitCode: number; readonly output: string; readonly runUrl: string },
): Promise<string> {
  const check = checks[name];
  const found = finding(check, exitCode, output);
  const marker = `<!-- talos-mesh:${name}:${stack} -->`;
  const issues = await github.list("/issues?state=open&sort=created", written);
  const open = issues.find((issue) => isOurs(issue, marker))?.number;
  if (found === "none") {
    if (open === undefined) return `${stack}: ${name}: nothing found.`;
    await github.send("POST", `/issues/${open}/comments`, { body: `${check.gone}: ${runUrl}` });
    await github.send("PATCH", `/issues/${open}`, { state: "closed" });
    return `${stack}: ${name}: nothing found; closed #${open}.`;
  }
  const title = found === "found" ? `${check.title}: ${stack}` : `${check.title}: ${stack} could not be checked`;
  const intro = `${marker}\n${code(stack)} ${check[found]}\n\nRun: ${runUrl}\n\n`;
  const language = name === "drift" && found === "found" ? "diff" : "text";
  const body = intro + fenced(output, language, bodyLimit - intro.length - 200);
  if (open === undefined) {
    await github.send("POST", "/issues", { title, body });
    return `${stack}: ${name}: ${found}; opened an issue.`;
  }
  await github.send("PATCH", `/issues/${open}`, { title, body });
  return `${stack}: ${name}: ${found}; updated #${open}.`;
}

/** Usage: issues.ts STACK FOLDER, a folder of nightly.sh. */
async function main([stack, folder]: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  if (stack === undefined || folder === undefined) throw new Error("usage: issues.ts STACK FOLDER");
  const github = new GitHub(env);
  const messages: string[] = [];
  for (const name of Object.keys(checks) as (keyof typeof checks)[]) {
    const [codeFile, outputFile] = [path.join(folder, `${name}.code`), path.join(folder, `${name}.output`)];
    if (!existsSync(codeFile)) continue;
    const exitCode = Number(readFileSync(codeFile, "utf8").trim() || "1");
    const output = readFileSync(outputFile, "utf8");
    messages.push(await report(github, stack, name, { exitCode, output, runUrl: required(env, "RUN_URL") }));
  }
  return messages.join("\n");
}

void runScript(module, main);
