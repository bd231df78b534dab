import path from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { renderVariable, stackFileVariable } from "../../components/settings/context";
import { projectName, readStackConfig, type SecretValue } from "../../components/settings/stack-file";
import { own } from "../../components/shared/own";
import { SeveralErrors, UserError } from "../../components/shared/problem";
import { HostMonitor, type Registration, type ResourceHost } from "./monitor";

export type { Registration, ResourceHost } from "./monitor";
export { isSecret, unwrapSecrets } from "./secrets";

interface ProgramRun {
  readonly projectRoot: string;
  readonly stack: string;
  readonly configFile: string;
  readonly host: ResourceHost;
  /** Whether outputs that the host leaves out are unknown. @default false */
  readonly preview?: boolean;
  /** Whether the program is rendered: it then asks no cluster and no machine. @default false */
  readonly render?: boolean;
  /** The value of a `secure:` entry. @default `[secret NAME]` */
  readonly secretValue?: SecretValue;
  readonly main?: string;
  /** Gets the warnings of `pulumi.log`. @default prints them on stderr */
  readonly onWarning?: (message: string) => void;
}

export interface ProgramResult {
  /** What the program exported, as plain data; secrets stay wrapped. */
  readonly outputs: Record<string, unknown>;
  readonly registrations: readonly Registration[];
}

/** The SDK has its state in globals, so the runs of one process wait for each other. */
let lastRun: Promise<unknown> = Promise.resolve();

/**
 * Runs a Pulumi program in this process, without the Pulumi CLI: the SDK's own mock monitor gives every resource, in the
 * order of their dependencies, to `run.host`. Resolves when the last registration has ended.
 */
export function runProgram(run: ProgramRun): Promise<ProgramResult> {
  const result = lastRun.then(() => runAlone(run));
  lastRun = result.catch(() => undefined);
  return result;
}

async function runAlone(run: ProgramRun): Promise<ProgramResult> {
  const config = readStackConfig(run.projectRoot, run.configFile, run.secretValue);
  const failures = new Set<Error>();
  let stopWaiting: () => void = () => undefined;
  const firstFailure = new Promise<void>((resolve) => (stopWaiting = resolve));
  const onFailure = (error: unknown) => {
    failures.add(error instanceof Error ? error : new Error(String(error)));
    stopWaiting();
  };
  const monitor = new HostMonitor(run.host, onFailure);
  const restoreLog = captureLog(run.onWarning ?? ((message) => console.error(`warning: ${message}`)), onFailure);
  const restoreRejections = captureRejections(onFailure);
  const restoreVariables = setVariables({
    [stackFileVariable]: path.resolve(run.configFile),
    ...(run.render && { [renderVariable]: "1" }),
  });
  try {
    pulumi.runtime.setMockOptions(monitor, projectName(run.projectRoot), run.stack, run.preview, "organization");
    pulumi.runtime.setAllConfig({ ...config.values }, [...config.secretKeys]);
    const program = path.resolve(run.projectRoot, run.main ?? "index.ts");
    forgetModules(run.projectRoot, program);
    const finished = pulumi.runtime.runInPulumiStack(() => load(program)).then(() => drained(monitor));
    await Promise.race([finished.catch(onFailure), firstFailure]);
    if (failures.size > 0) monitor.stop();
    await monitor.idle();
    // Unhandled rejections are reported in the next turn.
    await nextTurn();
    const [failure] = failures;
    if (failure) throw failures.size > 1 ? new SeveralErrors([...failures]) : failure;
    return { outputs: monitor.outputs, registrations: monitor.registrations };
  } finally {
    restoreVariables();
    restoreRejections();
    restoreLog();
    // Also for the promises of a failed run, which the SDK would report when the process ends.
    pulumi.runtime.resetOptions("", "", -1, "", "", false, "");
    pulumi.runtime.setAllConfig({});
  }
}

/** The program reads them from its environment, which is that of this process. */
function setVariables(variables: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(variables).map((name) => [name, own(process.env, name)] as const);
  Object.assign(process.env, variables);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else Object.assign(process.env, { [name]: value });
    }
  };
}

/** As the CLI's language host: a program exports its outputs, or a function that returns them. */
function load(program: string): Promise<unknown> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- the path is known at run time only
  const exported: unknown = require(program);
  return Promise.resolve(typeof exported === "function" ? (exported as () => unknown)() : exported);
}

/** A program is loaded again for each run, because its modules may hold values of the configuration. */
function forgetModules(projectRoot: string, program: string): void {
  const owned = ["components", "policies"].map((folder) => path.join(projectRoot, folder) + path.sep);
  // Another program may load the project's own.
  const programs = [program, path.join(projectRoot, "index.ts")];
  for (const file of Object.keys(require.cache)) {
    if (programs.includes(file) || owned.some((folder) => file.startsWith(folder)))
      Reflect.deleteProperty(require.cache, file);
  }
}

/** Resolves when, in the same turn, the SDK has nothing to send and the host nothing to do. */
async function drained(monitor: HostMonitor): Promise<void> {
  let seen: number;
  do {
    seen = monitor.registrations.length;
    await pulumi.runtime.disconnect();
    await monitor.idle();
    await nextTurn();
  } while (monitor.registrations.length !== seen);
}

const methods = ["log", "info", "warn", "error"] as const;
/** Node binds these to the console, so that they can be taken off and put back. */
const printers = console as Record<(typeof methods)[number], (this: void, ...args: unknown[]) => void>;
const runtimeLine = /^(debug|info|warning|error): \[runtime\] ([\s\S]*)$/;

/**
 * Without an engine, the SDK prints the messages of `pulumi.log`, and its own, on the console. Until the returned function is
 * called its warnings go to `onWarning`. As under the CLI, a program that logs an error has failed.
 */
function captureLog(onWarning: (message: string) => void, onFailure: (error: unknown) => void): () => void {
  const originals = methods.map((method) => [method, printers[method]] as const);
  for (const [method, original] of originals) {
    printers[method] = (...args) => {
      const [, severity, message = ""] = (typeof args[0] === "string" && runtimeLine.exec(args[0])) || [];
      if (severity === undefined) original(...args);
      else if (severity === "error") onFailure(new UserError(message));
      else if (severity === "warning") onWarning(message);
    };
  }
  return () => {
    for (const [method, original] of originals) printers[method] = original;
  };
}

/**
 * An error inside an `apply` without a handler reaches only the process, and belongs to the run. So does the failure of a
 * program that waits for a value that never comes: Node would end, with exit code 0.
 */
function captureRejections(onFailure: (error: unknown) => void): () => void {
  const others = process.listeners("unhandledRejection");
  const onEmpty = () => onFailure(new UserError("the program did not end: it waits for a value that never comes"));
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", onFailure);
  process.once("beforeExit", onEmpty);
  return () => {
    process.off("unhandledRejection", onFailure);
    process.off("beforeExit", onEmpty);
    for (const listener of others) process.on("unhandledRejection", listener);
  };
}
