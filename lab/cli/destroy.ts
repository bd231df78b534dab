import path from "node:path";
import { chooseEngine } from "../engine/choose";
import { interrupted, onInterrupt } from "../engine/interrupt";
import { optionsOrUsage } from "../engine/options";
import { clusterStatus } from "../embedded/status";
import { recordedEngine } from "../engine/recorded";
import { messageOf, UserError } from "../program/errors";
import { reportDestroyed } from "../report/outcome";
import { Progress } from "../report/progress";
import { Terminal } from "../report/terminal";
import { toolNews } from "../report/tools";

const projectRoot = path.resolve(__dirname, "../..");

/**
 * `npm run destroy`: takes a stack down in reverse order. Works from the record alone, whatever the settings say now.
 *
 * @returns 0, also when there was nothing; 1 where something failed; 2 where the options are wrong; 130 when interrupted
 */
export async function main(argv: readonly string[]): Promise<number> {
  const options = optionsOrUsage(argv, "npm run destroy", { projectRoot, env: process.env });
  if (options === undefined) return 2;
  const { stack } = options;
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
  const stop = onInterrupt(() =>
    terminal.errorLine("Stopping: what is under way is ended first. Ctrl-C again leaves at once."),
  );
  try {
    const run = { ...options, projectRoot, observer: progress, signal: stop.signal, onTool: toolNews(terminal) };
    const found = await engine.destroy(run);
    progress.close();
    if (found) reportDestroyed(terminal, progress, startedAt);
    else terminal.line("Nothing to destroy.");
    return 0;
  } catch (error) {
    progress.close();
    if (!progress.hasTold(error)) terminal.errorLine(messageOf(error));
    terminal.errorLine(
      "\nNot everything is gone. What is left is recorded: `npm run destroy` again continues from here.",
    );
    if (!stop.signal.aborted && !(error instanceof UserError)) throw error;
    return stop.signal.aborted ? interrupted : 1;
  } finally {
    stop.release();
  }
}
