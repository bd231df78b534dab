import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { RunnerError } from "./errors";

/** Inputs of a `command:local:Command`, in plain values. */
export interface CommandInputs {
  readonly create?: string;
  readonly update?: string;
  readonly delete?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly dir?: string;
  readonly interpreter?: readonly string[];
  readonly triggers?: readonly unknown[];
  readonly addPreviousOutputInEnv?: boolean;
  readonly logging?: "stdout" | "stderr" | "stdoutAndStderr" | "none";
}

export interface CommandOutputs {
  readonly stdout: string;
  readonly stderr: string;
}

/** What is kept, sealed, of a command's last success. */
export interface RanCommand {
  readonly inputs: CommandInputs;
  readonly outputs: CommandOutputs;
}

export interface CommandOptions {
  /** Working directory unless the inputs name one. */
  readonly cwd: string;
  /** @default none, as with the provider */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** What it logs, line by line, as far as its `logging` allows. */
  readonly onLine?: (line: string) => void;
  readonly previous?: CommandOutputs;
  /** Whether its output is secret, so that an error must not repeat it. */
  readonly secretOutput?: boolean;
}

/** What a changed set of inputs asks for, as the provider decides it. */
export function plan(
  now: CommandInputs,
  last: CommandInputs | undefined,
  same: boolean,
): "create" | "update" | "replace" | "nothing" {
  if (last === undefined) return "create";
  if (same) return "nothing";
  return JSON.stringify(now.triggers ?? []) === JSON.stringify(last.triggers ?? []) ? "update" : "replace";
}

/** Enough for the longest message of a command of ours whole: six missing tools, and every way that was tried for each. */
const keptLines = 120;
/** Milliseconds between asking a command to end and ending it. */
const grace = 10_000;

/**
 * Runs one of a command's scripts as the provider does: `/bin/sh -c` unless there is an interpreter, the caller's
 * environment and the inputs' on top, and one newline cut from the end of each output.
 *
 * Source: pulumi-command, provider/pkg/provider/local/commandOutputs.go.
 *
 * @throws RunnerError with the last lines of the output; never with the script's text, which may be long.
 */
export function runScript(script: string, inputs: CommandInputs, options: CommandOptions): Promise<CommandOutputs> {
  const [shell = "/bin/sh", ...args] = inputs.interpreter?.length ? inputs.interpreter : ["/bin/sh", "-c"];
  const previous = inputs.addPreviousOutputInEnv === false ? undefined : options.previous;
  const env = {
    ...process.env,
    ...inputs.environment,
    ...(previous?.stdout && { PULUMI_COMMAND_STDOUT: previous.stdout }),
    ...(previous?.stderr && { PULUMI_COMMAND_STDERR: previous.stderr }),
  };
  return new Promise((resolve, reject) => {
    // In a process group of its own, so that Ctrl-C reaches it through us, once, and its children with it.
    const child = spawn(shell, [...args, script], { cwd: inputs.dir ?? options.cwd, env, detached: true });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const tail: string[] = [];
    child.stdout.on("data", (part: Buffer) => stdout.push(part));
    child.stderr.on("data", (part: Buffer) => stderr.push(part));
    const logging = inputs.logging ?? "stdoutAndStderr";
    const follow = (stream: NodeJS.ReadableStream, logged: boolean) =>
      createInterface({ input: stream }).on("line", (line) => {
        if (logged) options.onLine?.(line);
        tail.push(line);
        if (tail.length > keptLines) tail.shift();
      });
    follow(child.stderr, logging === "stderr" || logging === "stdoutAndStderr");
    if (options.secretOutput !== true) follow(child.stdout, logging === "stdout" || logging === "stdoutAndStderr");

    let stopped: string | undefined;
    const stop = (why: string) => {
      if (stopped !== undefined) return;
      stopped = why;
      signalGroup(child.pid, "SIGTERM");
      setTimeout(() => signalGroup(child.pid, "SIGKILL"), grace).unref();
    };
    const onAbort = () => stop("stopped");
    options.signal?.addEventListener("abort", onAbort, { once: true });
    const limit = options.timeoutMs;
    const deadline = limit && setTimeout(() => stop(`took more than ${limit / 1000} s`), limit);

    child.stdin.on("error", () => undefined).end(inputs.stdin);
    child.once("error", (error) => reject(new RunnerError(`cannot run ${shell}: ${error.message}`)));
    child.once("close", (code, killedBy) => {
      clearTimeout(deadline);
      options.signal?.removeEventListener("abort", onAbort);
      if (code === 0 && stopped === undefined) {
        return resolve({ stdout: withoutLastNewline(stdout), stderr: withoutLastNewline(stderr) });
      }
      const why = stopped ?? (killedBy ? `ended by ${killedBy}` : `exit code ${code}`);
      reject(new RunnerError([why, ...tail].join("\n")));
    });
  });
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended by itself.
  }
}

function withoutLastNewline(parts: readonly Buffer[]): string {
  return Buffer.concat(parts).toString("utf8").replace(/\n$/, "");
}
