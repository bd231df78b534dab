import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Each line of standard error as it comes. */
  readonly onErrorLine?: (line: string) => void;
}

/** A command that could not be started, failed, or ran out of time. `output` holds its last lines: standard error's, or
 * standard output's where there are none. */
export class CommandError extends Error {
  constructor(
    message: string,
    readonly output: readonly string[],
    readonly missing: boolean,
  ) {
    super(message);
  }
}

const keptLines = 12;

/**
 * Runs a command with no standard input and gives its standard output.
 *
 * @throws CommandError
 */
export function runCommand(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const deadline = AbortSignal.timeout(options.timeoutMs);
    const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ["ignore", "pipe", "pipe"],
      signal,
    });
    let stdout = "";
    const tail: string[] = [];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    createInterface({ input: child.stderr }).on("line", (line) => {
      options.onErrorLine?.(line);
      tail.push(line);
      if (tail.length > keptLines) tail.shift();
    });
    const shown = [command, ...args].join(" ");
    child.once("error", (error: NodeJS.ErrnoException) => {
      const why = deadline.aborted ? `took more than ${options.timeoutMs / 1000} s` : error.message;
      reject(new CommandError(`${shown}: ${why}`, tail, error.code === "ENOENT"));
    });
    child.once("close", (code, killedBy) => {
      if (code === 0) resolve(stdout);
      else {
        const output = tail.length > 0 ? tail : stdout.trimEnd().split("\n").slice(-keptLines);
        reject(new CommandError(`${shown}: ${killedBy ?? `exit code ${code}`}`, output, false));
      }
    });
  });
}
