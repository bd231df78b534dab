import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { CommandError } from "../../components/shared/run-command";
import { changesOf, clusterStays, type Kept, keptOf, preview, type PreviewStep } from "./kept";
import { code, fenced } from "./markdown";
import { headOf, logged, parseStackFile, quiet, upAndVerify, verificationFolder, verifiedCommit } from "./pulumi";
import { rollbackRefusals } from "./rollback-refusals";
import { conclude, runScript } from "./script";

/** Why nothing was rolled back; nothing was changed. */
class Refused extends Error {}

/**
 * Deploys the commit that was verified last, after the one in this checkout failed. The cluster, data, credentials and CRDs
 * stay as they are.
 *
 * @returns what was done, as Markdown
 * @throws Error where nothing was rolled back, or the older commit could not be verified; the outcome is kept as well
 */
async function rollBack(folder: string, stack: string): Promise<string> {
  const failed = await headOf(folder);
  const work = mkdtempSync(path.join(tmpdir(), "talos-mesh-rollback-"));
  try {
    const verified = await targetOf(folder, stack, failed);
    await checkOut(folder, verified, work);
    refuseVersions(folder, work, stack);
    const { kept, changes } = await planOf(work, stack);
    const { failure, policies } = await upAndVerify({ folder: work, stack }, excluded(kept));
    keepReports(folder, work, stack);
    const title = failure === undefined ? "was rolled back to" : "could not be rolled back to";
    const text = [
      `### ${code(stack)} ${title} ${code(verified)}`,
      `${code(failed)} failed. ${code(verified)} was verified before${policies === "hold" ? ", and again now" : ""}.`,
      ...(failure === undefined ? [] : [fenced(failure, "text", 10_000), byHand(stack, verified)]),
      listed(
        "Changed",
        changes.map(({ op, urn }) => `${op} ${nameOf(urn)}`),
      ),
      listed(
        "Left as it is",
        kept.map(({ urn, reason }) => `${nameOf(urn)}: ${reason}`),
      ),
    ].join("\n\n");
    conclude(folder, stack, text);
    if (failure !== undefined) throw new Error(`${stack} could not be rolled back to ${verified}`);
    return text;
  } catch (error) {
    if (error instanceof Refused || error instanceof CommandError) {
      const reason = [error.message, ...(error instanceof CommandError ? error.output : [])].join("\n");
      const title = `### ${code(stack)} was not rolled back: nothing was changed`;
      conclude(folder, stack, `${title}\n\n${fenced(reason, "text", 10_000)}\n\n${byHand(stack)}`);
    }
    throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function targetOf(folder: string, stack: string, failed: string): Promise<string> {
  const verified = await verifiedCommit({ folder, stack });
  if (verified === undefined) throw new Refused(`no commit was verified on ${stack} yet`);
  if (verified === failed) {
    throw new Refused(`${failed} was verified on ${stack} before, so its change is not the cause; look at the cluster`);
  }
  try {
    await quiet("git", ["merge-base", "--is-ancestor", verified, "HEAD"], folder);
  } catch {
    throw new Refused(`${verified}, which was verified last, is not in the history of this checkout; fetch all of it`);
  }
  return verified;
}

/** A clone, not a worktree: the Pulumi CLI records the commit of a clone. */
async function checkOut(folder: string, commit: string, work: string): Promise<void> {
  await quiet("git", ["clone", "--quiet", "--no-checkout", folder, work], folder);
  await quiet("git", ["checkout", "--quiet", "--detach", commit], work);
  // Packages get no credentials.
  const env = Object.entries(process.env).filter(([name]) => !/TOKEN|SECRET|PASSPHRASE|PASSWORD|KEY/.test(name));
  await logged("npm", ["ci", "--no-audit", "--no-fund"], work, Object.fromEntries(env));
}

function refuseVersions(folder: string, work: string, stack: string): void {
  const file = `Pulumi.${stack}.yaml`;
  if (!existsSync(path.join(work, file))) throw new Refused(`the commit that was verified last has no ${file}`);
  const [older, newer] = [work, folder].map((place) => parseStackFile(readFileSync(path.join(place, file), "utf8")));
  const refusals = older && newer ? rollbackRefusals(older, newer) : [];
  if (refusals.length > 0) throw new Refused(refusals.join("\n"));
}

/** What the rollback changes, and what it must leave: a preview in which nothing is left to be kept. */
async function planOf(work: string, stack: string) {
  const kept: Kept[] = [];
  for (let round = 1; ; round++) {
    const steps = await stepsOf(work, stack, kept);
    const found = keptOf(steps);
    if (found.length === 0) return { kept, changes: changesOf(steps) };
    if (round === 4) {
      const lines = found.map(({ urn, reason }) => `${urn}: ${reason}`);
      throw new Refused(["it would change what must stay as it is:", ...lines].join("\n"));
    }
    // Where the cluster would change, so would all that is in it: its address is then unknown.
    const ofCluster = found.filter(({ reason }) => reason === clusterStays);
    kept.push(...(ofCluster.length > 0 ? ofCluster : found));
  }
}

async function stepsOf(work: string, stack: string, kept: readonly Kept[]): Promise<readonly PreviewStep[]> {
  const args = ["preview", "--stack", stack, "--json", "--non-interactive", ...excluded(kept)];
  const { stdout } = await quiet("pulumi", args, work);
  return preview.parse(JSON.parse(stdout)).steps;
}

function excluded(kept: readonly Kept[]): string[] {
  return kept.flatMap(({ urn }) => ["--exclude", urn]);
}

/** The reports of the older commit, next to those of the one that failed. */
function keepReports(folder: string, work: string, stack: string): void {
  const reports = path.join(work, verificationFolder(stack));
  if (existsSync(reports)) {
    cpSync(reports, path.join(folder, `${verificationFolder(stack)}-after-rollback`), { recursive: true });
  }
}

/** `istio.io/v1:VirtualService reviews` of a URN. */
function nameOf(urn: string): string {
  const [, , types = "", name = ""] = urn.split("::");
  return code(
    `${
      types
        .split("$")
        .at(-1)
        ?.replace(/^kubernetes:/, "") ?? ""
    } ${name}`,
  );
}

function listed(title: string, lines: readonly string[]): string {
  return [`${title}: ${lines.length === 0 ? "nothing" : lines.length}`, ...lines.map((line) => `- ${line}`)].join("\n");
}

function byHand(stack: string, commit = "an older commit"): string {
  return [
    "By hand:",
    "- Forward, which is always possible: revert the change on main but for versions of Talos, Kubernetes and Istio, and deploy that.",
    `- Back: check out ${commit}, read \`pulumi preview --stack ${stack} --diff\`, and deploy it with \`--exclude URN\` for each ` +
      "resource that must stay, such as namespaces, CRDs and machines.",
    `- Where a run was killed: \`pulumi cancel --stack ${stack}\` first.`,
  ].join("\n");
}

/** Usage: rollback.ts STACK, in a checkout of the commit that failed. Exit code 0 where the stack was rolled back. */
void runScript(module, ([stack]) => {
  if (stack === undefined) throw new Error("usage: rollback.ts STACK");
  return rollBack(path.resolve("."), stack);
});
