import { readFileSync } from "node:fs";
import { z } from "zod";
import { bodyLimit, cut } from "../../scripts/ci/markdown";
import { marker } from "../../scripts/ci/render-diff";
import { required, runScript } from "../../scripts/ci/script";
import { GitHub, isOurs, written } from "./github";

const pull = z.object({ number: z.int(), head: z.object({ sha: z.string() }) });

/**
 * Writes the report into the comment of the pull request, and gives a message. The number comes from the artifact of an
 * untrusted run, so it is used only where that pull request is open with exactly this head, which the event names.
 */
export async function comment(
  github: GitHub,
  head: { readonly owner: string; readonly branch: string; readonly sha: string },
  claimed: number,
  report: string,
): Promise<string> {
  const query = `state=open&head=${encodeURIComponent(`${head.owner}:${head.branch}`)}`;
  const candidates = await github.list(`/pulls?${query}`, pull);
  const found = candidates.find(({ number, head: { sha } }) => number === claimed && sha === head.sha);
  if (found === undefined) {
    return `No open pull request #${claimed} with the head ${head.sha}: it was closed, or pushed to since. Nothing was written.`;
  }
  const comments = await github.list(`/issues/${claimed}/comments?sort=created`, written);
  const earlier = comments.find((entry) => isOurs(entry, marker));
  if (earlier === undefined) {
    await github.send("POST", `/issues/${claimed}/comments`, { body: report });
    return `Wrote the comment of #${claimed}.`;
  }
  await github.send("PATCH", `/issues/comments/${earlier.id}`, { body: report });
  return `Updated the comment of #${claimed}.`;
}

/** Comments on the pull request that brought a commit, and gives a message. */
export async function commentOnCommit(github: GitHub, sha: string, report: string): Promise<string> {
  const merged = z.object({ number: z.int(), merged_at: z.string().nullish() });
  const pulls = await github.list(`/commits/${sha}/pulls?state=closed`, merged);
  const number = pulls.find(({ merged_at }) => typeof merged_at === "string")?.number;
  if (number === undefined) return `No merged pull request has the commit ${sha}. Nothing was written.`;
  await github.send("POST", `/issues/${number}/comments`, { body: report });
  return `Wrote a comment to #${number}.`;
}

/** Usage: comment.ts pull-request REPORT NUMBER-FILE, or comment.ts commit REPORT SHA. */
function main([kind, reportFile, argument]: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  if ((kind !== "pull-request" && kind !== "commit") || reportFile === undefined || argument === undefined) {
    throw new Error("usage: comment.ts pull-request REPORT NUMBER-FILE, or comment.ts commit REPORT SHA");
  }
  const [github, report] = [new GitHub(env), readFileSync(reportFile, "utf8")];
  if (kind === "commit") {
    const run = `\n\nRun: ${required(env, "RUN_URL")}`;
    return commentOnCommit(github, argument, cut(report, bodyLimit - run.length - 200) + run);
  }
  const [owner, branch, sha] = [required(env, "HEAD_OWNER"), required(env, "HEAD_BRANCH"), required(env, "HEAD_SHA")];
  const claimed = z.coerce.number().int().positive().parse(readFileSync(argument, "utf8").trim());
  return comment(github, { owner, branch, sha }, claimed, report);
}

void runScript(module, main);
