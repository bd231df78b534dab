import { existsSync, rmSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { readIfExists } from "../../components/shared/files";
import { parseJson } from "../../components/shared/json";
import { own } from "../../components/shared/own";
import { CommandError, type CommandOutput, runCommand } from "../../components/shared/run-command";
import { summarize } from "./script";

/** A checkout of the project, and one of its stacks. */
interface StackCheckout {
  /** Folder with Pulumi.yaml. */
  readonly folder: string;
  readonly stack: string;
}

/** The tag of a stack that has the last commit which was deployed to it and verified. Every backend keeps tags. */
export const verifiedTag = "talos-mesh:verified";

const commitPattern = /^[0-9a-f]{40}$/;

/** Runs a program, with its output in the log. */
export function logged(command: string, args: readonly string[], cwd: string, env = process.env) {
  return runCommand(command, args, { cwd, env, onLine: (line) => console.log(line), keptLines: 40 });
}

export function quiet(command: string, args: readonly string[], cwd: string): Promise<CommandOutput> {
  return runCommand(command, args, { cwd, keptLines: 40 });
}

/** Undefined where no commit was verified yet. */
export async function verifiedCommit({ folder, stack }: StackCheckout): Promise<string | undefined> {
  const { stdout } = await quiet("pulumi", ["stack", "tag", "ls", "--stack", stack, "--json"], folder);
  const tags = z.record(z.string(), z.string()).nullable().parse(JSON.parse(stdout)) ?? {};
  const commit = own(tags, verifiedTag);
  if (commit === undefined || commitPattern.test(commit)) return commit;
  throw new Error(
    `the tag ${verifiedTag} of the stack ${stack} is "${commit}", which is no commit; remove or correct it`,
  );
}

export async function recordVerified({ folder, stack }: StackCheckout, commit: string): Promise<void> {
  await logged("pulumi", ["stack", "tag", "set", verifiedTag, commit, "--stack", stack], folder);
}

export async function headOf(folder: string): Promise<string> {
  const { stdout } = await quiet("git", ["rev-parse", "HEAD"], folder);
  return stdout.trim();
}

/** What came of a deployment. */
interface Outcome {
  /** What failed, with its last lines; undefined where nothing did. */
  readonly failure?: string;
  /** Whether the verification found every policy to hold, or `none` where the stack has no verification. */
  readonly policies: "hold" | "fail" | "none";
}

/**
 * Deploys a checkout and verifies it. `pulumi up` verifies where a policy, the mesh or an application changed, and a report is
 * then on the disk; else the command does.
 */
export async function upAndVerify(checkout: StackCheckout, upArgs: readonly string[]): Promise<Outcome> {
  const { folder, stack } = checkout;
  const reports = path.join(folder, verificationFolder(stack));
  rmSync(reports, { recursive: true, force: true });
  const up = `up --stack ${stack} --yes --diff --non-interactive --color never --suppress-outputs`.split(" ");
  const hasVerification = hasSection(checkout, "verification");
  let failure = await failureOf(() => logged("pulumi", [...up, ...upArgs], folder));
  if (failure === undefined && hasVerification && !existsSync(reports)) {
    failure = await failureOf(() => logged("npm", ["run", "--silent", "verify", "--", "--stack", stack], folder));
  }
  const page = readIfExists(path.join(reports, "verification.md"));
  if (page !== undefined) summarize(page);
  if (!hasVerification) return { failure, policies: "none" };
  const result = report.safeParse(parseJson(readIfExists(path.join(reports, "verification.json")) ?? "")).data;
  // With `onFailure: warn`, a policy that does not hold fails no command.
  return { failure, policies: result === undefined || result.verdict === "fails" ? "fail" : "hold" };
}

const report = z.looseObject({ verdict: z.string() });

/** Relative to the project. */
export function verificationFolder(stack: string): string {
  return path.join(".talos-mesh", stack, "verification");
}

async function failureOf(run: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return [error.message, ...error.output.filter((line) => line.trim() !== "")].join("\n");
  }
}

const sections = z.record(z.string(), z.unknown());
const stackFile = z.looseObject({ config: sections.default({}) });
export type StackFile = z.output<typeof stackFile>;

/** As it is, so that the file of another release can be read. */
export function parseStackFile(text: string): StackFile {
  return stackFile.parse(parse(text));
}

/** Whether the stack file has this section, and does not disable it. */
export function hasSection({ folder, stack }: StackCheckout, name: string): boolean {
  const text = readIfExists(path.join(folder, `Pulumi.${stack}.yaml`)) ?? "";
  const section = own(parseStackFile(text).config, `talos-mesh:${name}`);
  return section !== undefined && sections.nullish().parse(section)?.["enabled"] !== false;
}
