import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface RunOptions {
  readonly cwd?: string;
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
  /** How many of its last lines the error of a failed command has. @default 12 */
  readonly keptLines?: number;
  /** Whether the output must not be in an error; lines of standard error may. */
  readonly secretOutput?: boolean;
  /** Whether the command gets a process group: Ctrl-C does not reach it, and stopping it stops its children as well. */
  readonly ownGroup?: boolean;
}

export interface CommandOutput {
  readonly stdout: string;
  readonly stderr: string;
}

export class CommandError extends Error {
  override readonly name = "CommandError";

  constructor(
    readonly reason: string,
    command: string,
    /** Its last lines: of standard error, or of standard output where there are none. */
    readonly output: readonly string[],
    readonly missing: boolean,
  ) {
    super(`${command}: ${reason}`);
  }
}

/** Milliseconds after the request to end before a command is killed. */
const gracePeriod = 10_000;

/** @throws CommandError */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<CommandOutput> {
  const { cwd, env = process.env, input, timeoutMs, signal, onLine, keptLines = 12, ownGroup = false } = options;
  const child = spawn(command, args, { cwd, env, detached: ownGroup, stdio: "pipe" });
  const output = { stdout: "", stderr: "" };
  const tails = { stdout: [] as string[], stderr: [] as string[] };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (part: string) => (output[stream] += part));
    createInterface({ input: child[stream] }).on("line", (line) => {
      onLine?.(line, stream);
      tails[stream].push(line);
      if (tails[stream].length > keptLines) tails[stream].shift();
    });
  }

  let stopped: string | undefined;
  const end = (killSignal: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(ownGroup ? -child.pid : child.pid, killSignal);
    } catch {
      // It has ended by itself.
    }
  };
  const stop = (reason: string) => {
    if (stopped !== undefined) return;
    stopped = reason;
    end("SIGTERM");
    setTimeout(() => end("SIGKILL"), gracePeriod).unref();
  };
  const onAbort = () => stop("stopped");
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  const deadline = timeoutMs && setTimeout(() => stop(`took more than ${timeoutMs / 1000} s`), timeoutMs);

  // The command may end without reading its input.
  child.stdin.on("error", () => undefined).end(input);
  const failure = await new Promise<NodeJS.ErrnoException | string | undefined>((resolve) => {
    child.once("error", resolve);
    child.once("close", (code, killedBy) => resolve(code === 0 ? undefined : (killedBy ?? `exit code ${code}`)));
  });
  clearTimeout(deadline);
  signal?.removeEventListener("abort", onAbort);
  if (failure === undefined && stopped === undefined) return output;
  const reason = stopped ?? (failure instanceof Error ? failure.message : (failure ?? "failed"));
  const tail = tails.stderr.length > 0 || options.secretOutput === true ? tails.stderr : tails.stdout;
  const isMissing = failure instanceof Error && failure.code === "ENOENT";
  throw new CommandError(reason, [command, ...args].join(" "), tail, isMissing);
}
