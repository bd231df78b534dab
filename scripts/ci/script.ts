import { appendFileSync, mkdirSync } from "node:fs";
import path from "node:path";
import { own } from "../../components/shared/own";
import { messageOf } from "../../components/shared/problem";

export function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = own(env, name);
  if (!value) throw new Error(`${name} is not set; the job must set it`);
  return value;
}

/** Runs the script of a job where its file was started, not imported. An error is one of the run: its message alone. */
export async function runScript(
  file: NodeModule,
  main: (argv: readonly string[], env: NodeJS.ProcessEnv) => string | Promise<string>,
): Promise<void> {
  if (require.main !== file) return;
  try {
    console.log(await main(process.argv.slice(2), process.env));
  } catch (error) {
    console.error(errorLine(messageOf(error)));
    process.exitCode = 1;
  }
}

/** On GitHub, one that the page of the run shows. */
function errorLine(message: string): string {
  if (process.env["GITHUB_ACTIONS"] !== "true") return `error: ${message}`;
  return `::error::${message.replaceAll("%", "%25").replaceAll("\n", "%0A")}`;
}

/** Bytes that GitHub accepts in the summary of a step, less some for what other lines of the step write. */
const summaryBytes = 900_000;

/** Appends Markdown to the page of the run where there is one, which is on GitHub. */
export function summarize(markdown: string): void {
  const file = process.env["GITHUB_STEP_SUMMARY"];
  if (file) appendFileSync(file, `${markdown.slice(0, summaryBytes)}\n\n`);
}

/** Keeps what came of a deployment, as Markdown, for the page of the run and for a later job: `.talos-mesh/STACK/outcome.md`. */
export function conclude(folder: string, stack: string, markdown: string): void {
  const file = path.join(folder, ".talos-mesh", stack, "outcome.md");
  mkdirSync(path.dirname(file), { recursive: true });
  appendFileSync(file, `${markdown}\n\n`);
  summarize(markdown);
}
