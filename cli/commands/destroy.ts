import path from "node:path";
import { chooseEngine } from "../engine/choose";
import { confirmed } from "../engine/confirm";
import { copiedFrom, dropCopiedRecords } from "../engine/home";
import { interrupted, onInterrupt } from "../engine/interrupt";
import { commandFor, optionsOrUsage } from "../engine/options";
import { deleteCluster } from "../../embedded/cluster/delete";
import { clusterStatus } from "../../embedded/cluster/status";
import { recordedEngine } from "../engine/recorded";
import { messageOf, UserError } from "../../embedded/program/errors";
import { reportDestroyed } from "../report/outcome";
import { Progress } from "../report/progress";
import { Terminal } from "../report/terminal";
import { removeEmptyFolders, stackLayout } from "../../embedded/engine/layout";
import { toolNews } from "../report/tools";

const projectRoot = path.resolve(__dirname, "../..");

const exitCodes = {
  0: "nothing is left, also where there was nothing",
  1: "refused, or something failed; running it again continues",
  2: "the options are wrong",
  [interrupted]: "interrupted",
};

/**
 * `npm run destroy`: takes a stack down in reverse order. Works from the record alone, whatever the settings say now.
 *
 * @returns see `exitCodes`
 */
export async function main(argv: readonly string[]): Promise<number> {
  const command = "npm run destroy";
  const options = optionsOrUsage(argv, { command, exitCodes }, { projectRoot, env: process.env });
  if (typeof options === "number") return options;
  const { stack } = options;
  const original = copiedFrom(projectRoot);
  if (original !== undefined) {
    console.log(
      `Stack ${stack}: nothing to destroy. This project is a copy of ${original}, whose deployment stays as it is.`,
    );
    dropCopiedRecords(projectRoot);
    return 0;
  }
  if (
    recordedEngine({ projectRoot, stack }) === undefined &&
    (await clusterStatus(projectRoot, stack)).state === "absent"
  ) {
    console.log(`Stack ${stack}: nothing to destroy.`);
    return 0;
  }
  const startedAt = Date.now();
  const terminal = new Terminal();
  const { engine, why } = await chooseEngine({
    ...options,
    projectRoot,
    wanted: options.engine,
    install: false,
    env: process.env,
  });
  terminal.line(`${terminal.paint("bold", engine.title)} (${why}), stack ${options.stack}`);
  const progress = new Progress(terminal);
  let begun = false;
  const stop = onInterrupt(() =>
    terminal.errorLine("Stopping: what is under way is ended first. Ctrl-C again leaves at once."),
  );
  try {
    const run = { ...options, projectRoot, observer: progress, signal: stop.signal, onTool: toolNews(terminal) };
    if (!(await confirmed({ engine, run, options, verb: "destroy", command, terminal }))) return 1;
    begun = true;
    const found = await engine.destroy(run);
    const unrecorded = await removeUnrecordedCluster(stack, (line) => progress.note(line));
    progress.close();
    if (found) reportDestroyed(terminal, progress, startedAt);
    else terminal.line(unrecorded ? "The embedded cluster is gone with all that was in it." : "Nothing to destroy.");
    return 0;
  } catch (error) {
    progress.close();
    // Refused before anything was touched: another backend than the stack's, for instance.
    if (!begun || (error instanceof UserError && progress.summary.all().length === 0 && !stop.signal.aborted))
      throw error;
    if (!stop.signal.aborted && !progress.hasTold(error)) terminal.errorLine(messageOf(error));
    terminal.errorLine(
      `\nNot everything is gone. What is left is recorded: \`${commandFor(command, stack)}\` again continues from here.`,
    );
    if (!stop.signal.aborted && !(error instanceof UserError)) throw error;
    return stop.signal.aborted ? interrupted : 1;
  } finally {
    stop.release();
  }
}

/** An embedded cluster that no engine of ours knows of: `pulumi up` by hand, or records that were removed. */
async function removeUnrecordedCluster(stack: string, say: (line: string) => void): Promise<boolean> {
  const { state, name } = await clusterStatus(projectRoot, stack);
  if (state === "absent") return false;
  if (name !== undefined) say("If `pulumi up` made this cluster, run `pulumi destroy` too: its state still lists it.");
  await deleteCluster(projectRoot, stack, say);
  removeEmptyFolders(stackLayout(projectRoot, stack));
  return true;
}
