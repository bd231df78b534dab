import path from "node:path";
import { headOf, recordVerified, upAndVerify } from "./pulumi";
import { code, fenced } from "./markdown";
import { conclude, runScript } from "./script";

const results = {
  hold: "is deployed, and every policy holds",
  none: "is deployed; it counts as verified, as the stack has no talos-mesh:verification",
  fail: "is deployed, and not verified: a policy does not hold, and talos-mesh:verification.onFailure is warn",
} as const;

/** Deploys and verifies this checkout, and records its commit as the last verified one of the stack. */
export async function deploy(folder: string, stack: string, upArgs: readonly string[]): Promise<string> {
  const commit = await headOf(folder);
  const { failure, policies } = await upAndVerify({ folder, stack }, upArgs);
  if (failure !== undefined) {
    conclude(folder, stack, `### ${code(stack)}: ${code(commit)} failed\n\n${fenced(failure, "text", 10_000)}`);
    throw new Error(`${commit} could not be deployed to ${stack} and verified`);
  }
  if (policies !== "fail") await recordVerified({ folder, stack }, commit);
  conclude(folder, stack, `### ${code(stack)}: ${code(commit)} ${results[policies]}`);
  return `${stack}: ${commit} ${results[policies]}`;
}

/** Usage: deploy.ts STACK [further arguments of pulumi up]. Exit code 1 where it failed or does not verify. */
void runScript(module, ([stack, ...upArgs]) => {
  if (stack === undefined) throw new Error("usage: deploy.ts STACK [ARGUMENTS OF PULUMI UP]");
  return deploy(path.resolve("."), stack, upArgs);
});
