import { deleteCluster } from "../../embedded/cluster/delete";
import { clusterStatus } from "../../embedded/cluster/status";
import { removeEmptyFolders, stackLayout } from "../../embedded/engine/layout";
import { messageOf, UserError } from "../../embedded/program/errors";
import { declare } from "../command";
import { chooseEngine, engineOptions, engineRequest } from "../engine/choose";
import { confirmed } from "../engine/confirm";
import { copiedFrom, dropCopiedRecords } from "../engine/home";
import { recordedEngine } from "../engine/recorded";
import { interrupted, onInterrupt } from "../interrupt";
import { reportDestroyed } from "../report/outcome";
import { Progress } from "../report/progress";
import { Terminal } from "../report/terminal";
import { toolProgress } from "../report/tools";
import { commandFor, projectRoot } from "../stack-option";

export const command = declare({
  name: "destroy",
  summary: "destroy a stack and remove everything that was deployed",
  options: engineOptions,
  details: `Needs the records of the deployment only, not a valid stack file.

Exit codes
  0    nothing is left, or there was nothing
  1    refused, or something failed; running it again continues
  2    the command line is wrong
  ${interrupted}  interrupted`,
  async run(given) {
    const startedAt = Date.now();
    const request = engineRequest(given, process.env);
    const { stack } = request;
    const original = copiedFrom(projectRoot);
    if (original !== undefined) {
      console.log(
        `Stack ${stack}: nothing to destroy. This project is a copy of ${original}, whose deployment stays as it is.`,
      );
      dropCopiedRecords(projectRoot);
      return 0;
    }
    if (recordedEngine(request) === undefined && (await clusterStatus(projectRoot, stack)).state === "absent") {
      console.log(`Stack ${stack}: nothing to destroy.`);
      return 0;
    }
    const terminal = new Terminal();
    const { engine, reason } = await chooseEngine({ ...request, install: false, env: process.env });
    terminal.line(`${terminal.paint("bold", engine.title)} (${reason}), stack ${stack}`);
    const progress = new Progress(terminal);
    let begun = false;
    const stop = onInterrupt(() =>
      terminal.errorLine("Stopping: work in progress is finished first. Ctrl-C again ends at once."),
    );
    const command = "npm run destroy";
    try {
      const run = { ...request, observer: progress, signal: stop.signal, onTool: toolProgress(terminal) };
      if (!(await confirmed({ engine, run, yes: request.yes, verb: "destroy", command, terminal }))) return 1;
      begun = true;
      const found = await engine.destroy(run);
      const unrecorded = await removeUnrecordedCluster(stack, (line) => progress.note(line));
      progress.close();
      if (found) reportDestroyed(terminal, progress, startedAt);
      else terminal.line(unrecorded ? "Removed the embedded cluster with everything in it." : "Nothing to destroy.");
      return 0;
    } catch (error) {
      progress.close();
      const stopped = stop.signal.aborted;
      // Refused before anything was changed: with another backend than the stack's, for instance.
      if (!begun || (error instanceof UserError && progress.summary.all().length === 0 && !stopped)) throw error;
      if (!stopped && !progress.hasReported(error)) terminal.errorLine(messageOf(error));
      terminal.errorLine(
        `\nNot everything is removed. What is left is recorded: \`${commandFor(command, stack)}\` continues from here.`,
      );
      if (!stopped && !(error instanceof UserError)) throw error;
      return stopped ? interrupted : 1;
    } finally {
      stop.release();
    }
  },
});

/** An embedded cluster without records: one of `pulumi up`, or one whose records were removed. */
async function removeUnrecordedCluster(stack: string, log: (line: string) => void): Promise<boolean> {
  const { state, name } = await clusterStatus(projectRoot, stack);
  if (state === "absent") return false;
  if (name !== undefined) {
    log("If `pulumi up` has created this cluster, run `pulumi destroy` too: its state still lists the cluster.");
  }
  await deleteCluster(projectRoot, stack, log);
  removeEmptyFolders(stackLayout(projectRoot, stack));
  return true;
}
