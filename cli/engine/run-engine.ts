import { removeEmptyFolders, stackFolder } from "../../embedded/engine/stack-folder";
import { messageOf, UserError } from "../../components/shared/problem";
import { interrupted, onInterrupt } from "../interrupt";
import { Progress, toolProgress } from "../report/progress";
import { Terminal } from "../report/terminal";
import { chooseEngine, type EngineRequest } from "./choose";
import type { Engine, EngineRun } from "./engine";

interface Operation {
  readonly install: boolean;
  readonly work: (
    context: Readonly<{ engine: Engine; run: EngineRun; progress: Progress; terminal: Terminal }>,
  ) => Promise<void>;
  /** Printed after a failure that left something behind. */
  readonly advice: (stopped: boolean) => string;
}

/**
 * Chooses the engine for a stack and works with it. Ctrl-C stops the work cleanly. Gives the exit code; throws what
 * happened before any resource was changed, and faults of ours.
 */
export async function runEngine(request: EngineRequest, { install, work, advice }: Operation): Promise<number> {
  const startedAt = Date.now();
  const terminal = new Terminal();
  const onProgress = (text: string) => terminal.show({ text, since: startedAt });
  const { engine, reason } = await chooseEngine({ ...request, install, env: process.env, onProgress });
  terminal.show(undefined);
  terminal.line(`${terminal.paint("bold", engine.title)} (${reason}), stack ${request.stack}`);
  const progress = new Progress(terminal, engine.printsProgress);
  const { signal, release } = onInterrupt(() =>
    terminal.errorLine("Stopping: work in progress is finished first. Ctrl-C again ends at once."),
  );
  try {
    const run = { ...request, observer: progress, signal, onTool: toolProgress(terminal) };
    await work({ engine, run, progress, terminal });
    return 0;
  } catch (error) {
    progress.close();
    if (progress.summary.all().length === 0 && !signal.aborted) throw error;
    if (!signal.aborted && !progress.hasReported(error)) terminal.errorLine(messageOf(error));
    terminal.errorLine(`\n${advice(signal.aborted)}`);
    if (!signal.aborted && !(error instanceof UserError)) throw error;
    return signal.aborted ? interrupted : 1;
  } finally {
    release();
    removeEmptyFolders(stackFolder(request.projectRoot, request.stack));
  }
}
