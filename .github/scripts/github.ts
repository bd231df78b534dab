import { z } from "zod";
import { messageOf } from "../../components/shared/problem";

/** GitHub's REST API for one repository, with the token and address from the environment of a workflow. */
export class GitHub {
  private readonly base: string;
  private readonly token: string;

  constructor(env: NodeJS.ProcessEnv = process.env) {
    const repository = required(env, "GITHUB_REPOSITORY");
    this.base = `${env["GITHUB_API_URL"] ?? "https://api.github.com"}/repos/${repository}`;
    this.token = required(env, "GITHUB_TOKEN");
  }

  async send(method: "GET" | "POST" | "PATCH", path: string, body?: unknown): Promise<unknown> {
    const headers = {
      accept: "application/vnd.github+json",
      authorization: `Bearer ${this.token}`,
      "x-github-api-version": "2022-11-28",
      ...(body !== undefined && { "content-type": "application/json" }),
    };
    const request = { method, headers, body: JSON.stringify(body), signal: AbortSignal.timeout(30_000) };
    const response = await fetch(this.base + path, request);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  /** All pages of a list. `path` has a query already. */
  async list<T>(path: string, entry: z.ZodType<T>): Promise<T[]> {
    const found: T[] = [];
    for (let page = 1; ; page++) {
      const entries = z.array(entry).parse(await this.send("GET", `${path}&per_page=100&page=${page}`));
      found.push(...entries);
      if (entries.length < 100) return found;
    }
  }
}

/** A comment or an issue. Ours are those of the workflows' account that begin with our marker. */
export const written = z.object({
  number: z.int().optional(),
  id: z.int(),
  body: z.string().nullish(),
  user: z.object({ login: z.string() }).nullish(),
});

export function isOurs(entry: z.output<typeof written>, marker: string): boolean {
  return entry.user?.login === "github-actions[bot]" && (entry.body ?? "").startsWith(marker);
}

export function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (!value) throw new Error(`${name} is not set; the workflow must set it`);
  return value;
}

/** Runs the script of a workflow where its file was started, not imported. An error is one of the run: its message alone. */
export async function runScript(
  file: NodeModule,
  main: (argv: readonly string[], env: NodeJS.ProcessEnv) => string | Promise<string>,
): Promise<void> {
  if (require.main !== file) return;
  try {
    console.log(await main(process.argv.slice(2), process.env));
  } catch (error) {
    console.error(`::error::${messageOf(error)}`);
    process.exitCode = 1;
  }
}

/** Longest body GitHub accepts for a comment or an issue, in characters. */
export const bodyLimit = 65_536;

/**
 * A fenced block that nothing in its content can close. Content of more than `room` characters is cut after a line, and
 * the last line says how much is missing.
 */
export function fenced(text: string, language: string, room: number): string {
  const body = cut(text.trimEnd(), room);
  const ticks = [...body.matchAll(/`+/g)].reduce((longest, [run]) => Math.max(longest, run.length), 2);
  const fence = "`".repeat(ticks + 1);
  return `${fence}${language}\n${body}\n${fence}`;
}

function cut(text: string, room: number): string {
  if (text.length <= room) return text;
  const kept = text.slice(0, Math.max(0, text.lastIndexOf("\n", room)));
  const lines = text.slice(kept.length).split("\n").filter(Boolean).length;
  return `${kept}\n... ${lines} more lines, left out here`.trimStart();
}

/** A name as code, with any characters. */
export function code(name: string): string {
  return `\`${name.replace(/[^\w./:@+ ()-]/g, "?")}\``;
}
