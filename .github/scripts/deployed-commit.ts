import { readFileSync } from "node:fs";
import { z } from "zod";

/** One entry of `pulumi stack history --json`, newest first, as far as it is needed. */
const history = z.array(
  z.object({
    kind: z.string(),
    result: z.string(),
    environment: z.record(z.string(), z.string()).optional(),
  }),
);

const commit = /^[0-9a-f]{40}$/;

/**
 * The commit a stack holds, by the stack's own history: that of its newest `up`, which must have succeeded.
 *
 * @param asked a commit, or its beginning, that it must be; empty for any
 * @throws Error that says what the stack holds instead, and what to do
 */
export function deployedCommit(stack: string, historyJson: string, asked = ""): string {
  const newest = history.parse(JSON.parse(historyJson)).find(({ kind }) => kind === "update" || kind === "destroy");
  if (newest === undefined) throw new Error(`${stack} has never been deployed; deploy it first.`);
  if (newest.kind === "destroy") throw new Error(`${stack} was destroyed; deploy it first.`);
  const deployed = newest.environment?.["git.head"] ?? "";
  if (!commit.test(deployed)) {
    throw new Error(
      `the newest update of ${stack} does not say which commit it deployed; deploy it from a git checkout.`,
    );
  }
  if (newest.result !== "succeeded") {
    throw new Error(
      `the newest update of ${stack} (commit ${deployed}) is "${newest.result}", not "succeeded"; ` +
        "wait for it, or mend it and deploy again.",
    );
  }
  if (asked !== "" && (asked.length < 7 || !deployed.startsWith(asked.toLowerCase()))) {
    throw new Error(`${stack} holds ${deployed}, not ${asked}; only the commit on ${stack} can go on from here.`);
  }
  return deployed;
}

/** Usage: pulumi stack history --json | deployed-commit.ts STACK [COMMIT] */
if (require.main === module) {
  try {
    console.log(deployedCommit(process.argv[2] ?? "the stack", readFileSync(0, "utf8"), process.argv[3]));
  } catch (error) {
    console.error(`::error::${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
