import { z } from "zod";

/** GitHub's REST API for one repository, with the token and address that a workflow has in its environment. */
export class GitHub {
  private readonly base: string;
  private readonly token: string;

  constructor(env: NodeJS.ProcessEnv = process.env) {
    const repository = required(env, "GITHUB_REPOSITORY");
    this.base = `${env["GITHUB_API_URL"] ?? "https://api.github.com"}/repos/${repository}`;
    this.token = required(env, "GITHUB_TOKEN");
  }

  /** @throws Error with method, path, status and GitHub's message. */
  async send(method: "GET" | "POST" | "PATCH", path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(this.base + path, {
      method,
      headers: {
        accept: "application/vnd.github+json",
        authorization: `Bearer ${this.token}`,
        "x-github-api-version": "2022-11-28",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  /** Every entry of a list that GitHub gives in pages. `path` has a query already. */
  async list<T>(path: string, entry: z.ZodType<T>): Promise<T[]> {
    const found: T[] = [];
    for (let page = 1; ; page++) {
      const entries = z.array(entry).parse(await this.send("GET", `${path}&per_page=100&page=${page}`));
      found.push(...entries);
      if (entries.length < 100) return found;
    }
  }
}

/** Comments and issues of ours are those with our marker that the workflows' own account wrote. */
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
