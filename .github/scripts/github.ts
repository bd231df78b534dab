import { z } from "zod";
import { required } from "../../scripts/ci/script";

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
