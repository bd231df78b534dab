import { readFileSync } from "node:fs";
import { z } from "zod";
import { GitHub, isOurs, required, runScript, written } from "./github";
import { marker } from "./render-diff";

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

/** Usage: comment.ts REPORT NUMBER, both files. */
function main([reportFile, numberFile]: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  if (reportFile === undefined || numberFile === undefined) throw new Error("usage: comment.ts REPORT NUMBER");
  const [owner, branch, sha] = [required(env, "HEAD_OWNER"), required(env, "HEAD_BRANCH"), required(env, "HEAD_SHA")];
  const claimed = z.coerce.number().int().positive().parse(readFileSync(numberFile, "utf8").trim());
  return comment(new GitHub(env), { owner, branch, sha }, claimed, readFileSync(reportFile, "utf8"));
}

void runScript(module, main);
