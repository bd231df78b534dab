import path from "node:path";
import { clusterStatus } from "../../embedded/cluster/status";
import { chooseEngine } from "../engine/choose";
import { confirmed } from "../engine/confirm";
import { copiedFrom, dropCopiedRecords, recordHome } from "../engine/home";
import { interrupted, onInterrupt } from "../engine/interrupt";
import { commandFor, optionsOrUsage } from "../engine/options";
import { recordedEngine } from "../engine/recorded";
import { toolNews } from "../report/tools";
import { reportDeployed } from "../report/outcome";
import { Progress } from "../report/progress";
import { Terminal } from "../report/terminal";
import { messageOf, UserError } from "../../embedded/program/errors";
import { removeEmptyFolders, stackLayout } from "../../embedded/engine/layout";

const projectRoot = path.resolve(__dirname, "../..");

const exitCodes = {
  0: "deployed, or unchanged",
  1: "refused, or something failed; running it again continues",
  2: "the options are wrong",
  [interrupted]: "interrupted",
};

/**
 * `npm start`: deploys a stack, and says what was made, where it answers, and what was not measured.
 *
 * @returns see `exitCodes`
 * @throws UserError, and what the program throws on bad settings
 */
export async function main(argv: readonly string[]): Promise<number> {
  const options = optionsOrUsage(argv, { command: "npm start", exitCodes }, { projectRoot, env: process.env });
  if (typeof options === "number") return options;
  const startedAt = Date.now();
  const terminal = new Terminal();
  leaveOriginalAlone(terminal);
  await refuseOthersCluster(options.stack);
  const { engine, why } = await chooseEngine({
    ...options,
    projectRoot,
    wanted: options.engine,
    install: true,
    env: process.env,
    onProgress: (text) => terminal.show({ text, since: startedAt }),
  });
  terminal.show(undefined);
  terminal.line(`${terminal.paint("bold", engine.title)} (${why}), stack ${options.stack}`);
  const progress = new Progress(terminal);
  const stop = onInterrupt(() =>
    terminal.errorLine("Stopping: what is under way is ended first. Ctrl-C again leaves at once."),
  );
  try {
    const run = { ...options, projectRoot, observer: progress, signal: stop.signal, onTool: toolNews(terminal) };
    if (!(await confirmed({ engine, run, options, verb: "deploy", command: "npm start", terminal }))) return 1;
    recordHome(projectRoot);
    const outputs = await engine.deploy(run);
    progress.close();
    reportDeployed(terminal, progress, outputs, startedAt);
    return 0;
  } catch (error) {
    progress.close();
    const { summary } = progress;
    // Before anything was touched there is nothing to continue: bad settings, for instance.
    if (summary.all().length === 0) throw error;
    if (!stop.signal.aborted && !progress.hasTold(error)) terminal.errorLine(messageOf(error));
    const [what, next] = stop.signal.aborted ? ["Stopped", "go on"] : ["Not deployed", "continue from here"];
    terminal.errorLine(
      `\n${what}. What was made is recorded: \`${commandFor("npm start", options.stack)}\` to ${next}, ` +
        `\`${commandFor("npm run destroy", options.stack)}\` to take it down.`,
    );
    if (!stop.signal.aborted && !(error instanceof UserError)) throw error;
    return stop.signal.aborted ? interrupted : 1;
  } finally {
    stop.release();
    removeEmptyFolders(stackLayout(projectRoot, options.stack));
  }
}

/** A copy of the project begins anew. */
function leaveOriginalAlone(terminal: Terminal): void {
  const original = copiedFrom(projectRoot);
  if (original === undefined) return;
  terminal.line(`! This project is a copy of ${original}, whose deployment stays as it is; this one begins anew.`);
  dropCopiedRecords(projectRoot);
}

/** @throws UserError where the embedded cluster was deployed to by hand: two states of one cluster would not agree. */
async function refuseOthersCluster(stack: string): Promise<void> {
  if (recordedEngine({ projectRoot, stack }) !== undefined) return;
  const { state, name = "" } = await clusterStatus(projectRoot, stack);
  if (state !== "running" && state !== "stopped") return;
  throw new UserError(
    `The embedded cluster ${name} of stack "${stack}" is there, and \`npm start\` has not made it: \`pulumi up\` has, most likely. ` +
      "Going on would put two engines to work on one cluster.\n" +
      "Go on with `pulumi up`, or take it down first: `pulumi destroy`, or " +
      `\`${commandFor("npm run destroy", stack)}\`, which removes the cluster with all that is in it.`,
  );
}
