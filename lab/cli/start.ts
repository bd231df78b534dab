import path from "node:path";
import { chooseEngine } from "../engine/choose";
import { optionsOrUsage } from "../engine/options";
import { interrupted, onInterrupt } from "../engine/interrupt";
import { toolNews } from "../report/tools";
import { reportDeployed } from "../report/outcome";
import { Progress } from "../report/progress";
import { Terminal } from "../report/terminal";
import { messageOf, UserError } from "../program/errors";

const projectRoot = path.resolve(__dirname, "../..");

/**
 * `npm start`: deploys a stack, and says what was made, where it answers, and what was not measured.
 *
 * @returns 0; 1 where something failed; 2 where the options are wrong; 130 when interrupted
 * @throws UserError, and what the program throws on bad settings
 */
export async function main(argv: readonly string[]): Promise<number> {
  const options = optionsOrUsage(argv, "npm start", { projectRoot, env: process.env });
  if (options === undefined) return 2;
  const startedAt = Date.now();
  const terminal = new Terminal();
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
    const outputs = await engine.up(run);
    progress.close();
    reportDeployed(terminal, progress, outputs, startedAt);
    return 0;
  } catch (error) {
    progress.close();
    const { summary } = progress;
    // Before anything was touched there is nothing to continue: bad settings, for instance.
    if (summary.all().length === 0) throw error;
    if (!progress.hasTold(error)) terminal.errorLine(messageOf(error));
    const [what, next] = stop.signal.aborted ? ["Stopped", "go on"] : ["Not deployed", "continue from here"];
    terminal.errorLine(
      `\n${what}. What was made is recorded: \`npm start\` to ${next}, \`npm run destroy\` to take it down.`,
    );
    if (!stop.signal.aborted && !(error instanceof UserError)) throw error;
    return stop.signal.aborted ? interrupted : 1;
  } finally {
    stop.release();
  }
}
