import path from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { ProgramErrors, UserError } from "./errors";
import { HostMonitor, type Registration, type ResourceHost } from "./monitor";
import { captureRuntimeLog, type ProgramLog } from "./runtime-log";
import { stackFileVariable } from "../../components/settings/context";
import { projectName, readStackConfig, type SecretValue } from "../../components/settings/stack-file";

export type { Registration, ResourceHost } from "./monitor";
export { isSecret, isUnknown, redactSecrets, unwrapSecrets } from "./secrets";

export interface ProgramRun {
  /** Absolute path of the folder with Pulumi.yaml. */
  readonly projectRoot: string;
  readonly stack: string;
  /** The stack file; a relative path is relative to the working directory. */
  readonly configFile: string;
  readonly host: ResourceHost;
  /** Whether outputs that the host leaves out are unknown. @default false */
  readonly preview?: boolean;
  /** What stands for a `secure:` value. @default `[secret NAME]` */
  readonly secretValue?: SecretValue;
  /** The program, relative to the project. @default index.ts */
  readonly main?: string;
  /** Where `pulumi.log` goes. @default warnings and errors to stderr */
  readonly log?: ProgramLog;
}

export interface ProgramResult {
  /** What the program exported, as plain data; secrets stay wrapped. */
  readonly outputs: Record<string, unknown>;
  /** In the order in which they began. */
  readonly registrations: readonly Registration[];
}

/** The SDK keeps its state in globals, so runs of one process take turns. */
let lastRun: Promise<unknown> = Promise.resolve();

/**
 * Runs a Pulumi program in this process with no Pulumi CLI: the SDK's own mock monitor hands every resource, in the
 * order of their dependencies, to `run.host`. Resolves when the last registration has ended.
 *
 * @throws StackFileError where the stack file cannot be read; the program's own error where it throws one;
 *   RegistrationError where the host refuses a resource; ProgramErrors where several things failed on their own.
 */
export function runProgram(run: ProgramRun): Promise<ProgramResult> {
  const result = lastRun.then(() => runAlone(run));
  lastRun = result.catch(() => undefined);
  return result;
}

async function runAlone(run: ProgramRun): Promise<ProgramResult> {
  const config = readStackConfig(run.projectRoot, run.configFile, run.secretValue ?? ((name) => `[secret ${name}]`));
  const failures = new Failures();
  const monitor = new HostMonitor(run.host, (error) => failures.add(error));
  const restoreLog = captureRuntimeLog(runLog(run.log ?? toStderr, failures));
  const restoreRejections = captureRejections(failures);
  const stackFile = process.env[stackFileVariable];
  process.env[stackFileVariable] = path.resolve(run.configFile);
  try {
    pulumi.runtime.setMockOptions(monitor, projectName(run.projectRoot), run.stack, run.preview, "organization");
    pulumi.runtime.setAllConfig({ ...config.values }, [...config.secretKeys]);
    const program = path.resolve(run.projectRoot, run.main ?? "index.ts");
    forgetModules(run.projectRoot, program);
    const finished = pulumi.runtime.runInPulumiStack(() => load(program)).then(() => drained(monitor));
    finished.catch((error: unknown) => failures.add(error));
    await Promise.race([finished.catch(() => undefined), failures.first]);
    if (failures.any) monitor.stop();
    await monitor.idle();
    // Rejections that nobody handles are reported a turn later.
    await turn();
    failures.throwIfAny();
    return { outputs: monitor.outputs, registrations: monitor.registrations };
  } finally {
    if (stackFile === undefined) delete process.env[stackFileVariable];
    else process.env[stackFileVariable] = stackFile;
    restoreRejections();
    restoreLog();
    // Forgets the promises of a failed run too, of which the SDK would complain when the process ends.
    pulumi.runtime.resetOptions("", "", -1, "", "", false, "");
    pulumi.runtime.setAllConfig({});
  }
}

/** As the CLI's language host: a program exports its outputs, or a function that gives them. */
function load(program: string): Promise<unknown> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- which program it is, is known only now
  const exported: unknown = require(program);
  return Promise.resolve(typeof exported === "function" ? (exported as () => unknown)() : exported);
}

/** A program is read anew for each run, as its modules may hold what they took from the configuration. */
function forgetModules(projectRoot: string, program: string): void {
  const owned = ["components", "policies"].map((folder) => path.join(projectRoot, folder) + path.sep);
  // A program may stand before the project's own and load it.
  const programs = [program, path.join(projectRoot, "index.ts")];
  for (const file of Object.keys(require.cache)) {
    if (programs.includes(file) || owned.some((folder) => file.startsWith(folder))) delete require.cache[file];
  }
}

/** Resolves when the SDK has nothing more to send and the host nothing more to do, in the same turn. */
async function drained(monitor: HostMonitor): Promise<void> {
  let seen: number;
  do {
    seen = monitor.registrations.length;
    await pulumi.runtime.disconnect();
    await monitor.idle();
    await turn();
  } while (monitor.registrations.length !== seen);
}

/** What went wrong in a run, each once. */
class Failures {
  readonly first: Promise<void>;
  private readonly errors = new Set<Error>();
  private reportFirst: () => void = () => undefined;

  constructor() {
    this.first = new Promise((resolve) => (this.reportFirst = resolve));
  }

  get any(): boolean {
    return this.errors.size > 0;
  }

  add(error: unknown): void {
    this.errors.add(error instanceof Error ? error : new Error(String(error)));
    this.reportFirst();
  }

  throwIfAny(): void {
    const [first, ...others] = this.errors;
    if (first === undefined) return;
    throw others.length > 0 ? new ProgramErrors([first, ...others]) : first;
  }
}

/** As under the CLI, a program that logs an error has failed, even when it goes on. */
function runLog(log: ProgramLog, failures: Failures): ProgramLog {
  return (severity, message) => (severity === "error" ? failures.add(new UserError(message)) : log(severity, message));
}

function toStderr(severity: string, message: string): void {
  if (severity === "warning") process.stderr.write(`warning: ${message}\n`);
}

/**
 * An error inside an `apply` that nobody awaits reaches only the process. It belongs to the run, and so does the case
 * of a program that waits for what never comes: Node would then just end, with exit code 0.
 */
function captureRejections(failures: Failures): () => void {
  const others = process.listeners("unhandledRejection");
  const onRejection = (reason: unknown): void => failures.add(reason);
  const onEmpty = (): void =>
    failures.add(new UserError("the program never ended: it waits for a value that nothing will give it"));
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", onRejection);
  process.once("beforeExit", onEmpty);
  return () => {
    process.off("unhandledRejection", onRejection);
    process.off("beforeExit", onEmpty);
    for (const listener of others) process.on("unhandledRejection", listener);
  };
}
