import { z } from "zod";
import { quiet, verifiedCommit } from "./pulumi";
import { runScript } from "./script";

/** `pulumi stack history --json`; newest first. */
const environment = z.record(z.string(), z.string()).optional();
const history = z.array(z.object({ kind: z.string(), result: z.string(), environment }));

const commit = /^[0-9a-f]{40}$/;

/**
 * The commit that is deployed to a stack, from the stack's history: that of its newest `up`, which must have succeeded.
 *
 * @param required a commit, or its beginning, that it must be; empty for any
 */
export function deployedCommit(stack: string, historyJson: string, required = ""): string {
  const newest = history.parse(JSON.parse(historyJson)).find(({ kind }) => kind === "update" || kind === "destroy");
  if (newest === undefined) throw new Error(`${stack} has never been deployed; deploy it first.`);
  if (newest.kind === "destroy") throw new Error(`${stack} was destroyed; deploy it first.`);
  const deployed = newest.environment?.["git.head"] ?? "";
  if (!commit.test(deployed)) {
    throw new Error(`the newest update of ${stack} has no commit; deploy it from a git checkout.`);
  }
  if (newest.result !== "succeeded") {
    throw new Error(
      `the newest update of ${stack} (commit ${deployed}) is "${newest.result}", not "succeeded"; ` +
        "wait for it, or fix it and deploy again.",
    );
  }
  if (required !== "" && (required.length < 7 || !deployed.startsWith(required.toLowerCase()))) {
    throw new Error(
      `${deployed} is deployed to ${stack}, not ${required}; only the commit on ${stack} can be deployed further.`,
    );
  }
  return deployed;
}

async function main(argv: readonly string[]): Promise<string> {
  const [stack, commit] = argv.filter((arg) => arg !== "--verified");
  if (stack === undefined) throw new Error("usage: deployed-commit.ts STACK [--verified] [COMMIT]");
  const args = ["stack", "history", "--stack", stack, "--json", "--page-size", "20", "--page", "1"];
  const { stdout } = await quiet("pulumi", args, ".");
  const deployed = deployedCommit(stack, stdout, commit);
  if (!argv.includes("--verified")) return deployed;
  const verified = await verifiedCommit({ folder: ".", stack });
  if (verified === deployed) return deployed;
  throw new Error(
    `${deployed} is deployed to ${stack}, and ${verified ?? "no commit"} was verified there last; ` +
      "wait for its verification, or fix what it found.",
  );
}

/** Usage: deployed-commit.ts STACK [--verified] [COMMIT]. `--verified`: it must have been verified as well. */
void runScript(module, main);
