import { clusterStatus } from "../../embedded/cluster/status";
import { removeEmptyFolders, stackLayout } from "../../embedded/engine/layout";
import { messageOf, UserError } from "../../embedded/program/errors";
import { declare } from "../command";
import { chooseEngine, engineOptions, engineRequest } from "../engine/choose";
import { confirmed } from "../engine/confirm";
import { copiedFrom, dropCopiedRecords, recordHome } from "../engine/home";
import { recordedEngine } from "../engine/recorded";
import { interrupted, onInterrupt } from "../interrupt";
import { reportDeployed } from "../report/outcome";
import { Progress } from "../report/progress";
import { Terminal } from "../report/terminal";
import { toolProgress } from "../report/tools";
import { commandFor, projectRoot } from "../stack-option";

export const command = declare({
  name: "start",
  summary: "deploy a stack: dev, or the one that --stack names",
  options: engineOptions,
  details: `Exit codes
  0    deployed, or nothing changed
  1    refused, or something failed; running it again continues
  2    the command line is wrong
  ${interrupted}  interrupted`,
  async run(given) {
    const startedAt = Date.now();
    const request = engineRequest(given, process.env);
    const { stack } = request;
    const terminal = new Terminal();
    separateFromOriginal(terminal);
    await refuseClusterOfOthers(stack);
    const { engine, reason } = await chooseEngine({
      ...request,
      install: true,
      env: process.env,
      onProgress: (text) => terminal.show({ text, since: startedAt }),
    });
    terminal.show(undefined);
    terminal.line(`${terminal.paint("bold", engine.title)} (${reason}), stack ${stack}`);
    const progress = new Progress(terminal);
    const stop = onInterrupt(() =>
      terminal.errorLine("Stopping: work in progress is finished first. Ctrl-C again ends at once."),
    );
    try {
      const run = { ...request, observer: progress, signal: stop.signal, onTool: toolProgress(terminal) };
      if (!(await confirmed({ engine, run, yes: request.yes, verb: "deploy", command: "npm start", terminal })))
        return 1;
      recordHome(projectRoot);
      const outputs = await engine.deploy(run);
      progress.close();
      reportDeployed(terminal, progress, outputs, startedAt);
      return 0;
    } catch (error) {
      progress.close();
      // Bad settings, for instance: there is nothing to continue.
      if (progress.summary.all().length === 0) throw error;
      const stopped = stop.signal.aborted;
      if (!stopped && !progress.hasReported(error)) terminal.errorLine(messageOf(error));
      const [start, destroy] = [commandFor("npm start", stack), commandFor("npm run destroy", stack)];
      terminal.errorLine(
        `\n${stopped ? "Stopped" : "Not deployed"}. What was deployed so far is recorded: \`${start}\` continues from here, \`${destroy}\` removes it.`,
      );
      if (!stopped && !(error instanceof UserError)) throw error;
      return stopped ? interrupted : 1;
    } finally {
      stop.release();
      removeEmptyFolders(stackLayout(projectRoot, stack));
    }
  },
});

/** In a copy of the project, removes the copied records: they are about the original's deployment. */
function separateFromOriginal(terminal: Terminal): void {
  const original = copiedFrom(projectRoot);
  if (original === undefined) return;
  terminal.line(`! This project is a copy of ${original}. Its deployment stays as it is; this copy deploys its own.`);
  dropCopiedRecords(projectRoot);
}

/** @throws UserError where the embedded cluster was deployed by hand: two states of one cluster would contradict each other */
async function refuseClusterOfOthers(stack: string): Promise<void> {
  if (recordedEngine({ projectRoot, stack }) !== undefined) return;
  const { state, name = "" } = await clusterStatus(projectRoot, stack);
  if (state !== "running" && state !== "stopped") return;
  throw new UserError(
    `The embedded cluster ${name} of stack "${stack}" exists, and \`npm start\` has not created it; most likely \`pulumi up\` has. ` +
      "Two engines would work on one cluster.\n" +
      "Continue with `pulumi up`, or destroy it first: by `pulumi destroy`, or by " +
      `\`${commandFor("npm run destroy", stack)}\`, which removes the cluster with everything in it.`,
  );
}
