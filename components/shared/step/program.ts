import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { ApiServer } from "../kubernetes/api-server";
import { parseJson } from "../json";
import { isUnreachable } from "../kubernetes/errors";
import { Missing, type Sleep, waitFor, WaitTimeout } from "../kubernetes/wait";
import { own } from "../own";

/** As much of the context as a step uses, so that tests can give their own. */
export interface StepContext {
  readonly log: (line: string) => void;
  /** Rejects when the program is stopped. */
  readonly sleep: Sleep;
  readonly server: Pick<ApiServer, "get" | "list" | "apply" | "dryRun" | "delete">;
}

export interface ProgramContext extends StepContext {
  /** Aborted when the program is to stop; see `process.cjs`. */
  readonly signal: AbortSignal;
  /** Throws in a program without `contextVariable`. */
  readonly server: ApiServer;
  /** Of a program with `input`: what came with the kubeconfig. */
  readonly input?: unknown;
}

/** A returned object is printed as one line of JSON, a string as it is. The message of an error is for a person. */
type Verb = (context: ProgramContext, request: unknown) => Promise<object | string | undefined>;

export interface Program {
  /** Begins the line of an error, before the verb. @default the line is the message only */
  readonly name?: string;
  /** The environment variable with the request as JSON. */
  readonly requestVariable: string;
  /**
   * Only of a program that works on the cluster of the kubeconfig on its standard input: the environment variable with the
   * kubeconfig's context, where it is not the current one.
   */
  readonly contextVariable?: string;
  /** Whether standard input is a `ProgramInput` as JSON, and not the kubeconfig alone. @default false */
  readonly input?: boolean;
  readonly verbs: Readonly<Record<string, Verb>>;
  /**
   * Verbs that only clean up, with what they leave where they cannot: whatever the error is, it is a warning, because it must
   * not keep a stack from being destroyed. The cluster may be gone, refuse the login, or have no API server for a moment.
   */
  readonly cleanUp?: Readonly<Record<string, string>>;
  /** The line to print when it was stopped. */
  readonly stopped?: string;
  /** For instance to leave some lines out. */
  readonly wrapLog?: (log: StepContext["log"]) => StepContext["log"];
}

/** Standard input that has more than a kubeconfig: what is secret, or too big for an environment variable. */
export interface ProgramInput {
  readonly kubeconfig: string;
  readonly input: unknown;
}

/** Exit code of a program that was stopped by a signal, as shells give it. */
const interrupted = 130;

export class StepError extends Error {
  override readonly name = "StepError";

  constructor(what: string, next: string) {
    super(`${what}\nnext: ${next}`);
  }
}

/** Waits until a check finds nothing missing. A check that fails is repeated, whatever the error is. */
export async function waitForStep(
  { sleep, log }: Pick<StepContext, "sleep" | "log">,
  { seconds, consecutive, next }: { readonly seconds: number; readonly consecutive?: number; readonly next: string },
  check: () => Promise<string | undefined>,
): Promise<void> {
  const found = () => check().then((what) => what === undefined || new Missing(what));
  const onProgress = (what: string) => log(`waiting: ${what}`);
  try {
    await waitFor(found, { timeoutMs: seconds * 1000, consecutive, sleep, onProgress, retries: () => true });
  } catch (error) {
    throw error instanceof WaitTimeout ? new StepError(error.message, next) : error;
  }
}

/**
 * The command line of a program that a Command runs: one verb, the request in an environment variable, the kubeconfig on
 * standard input. Standard output is the result only, because Pulumi keeps it as the Command's output; lines for a person go
 * to standard error. Returns the exit code.
 */
export async function runProgram(program: Program, argv: readonly string[], signal: AbortSignal): Promise<number> {
  const { env, stdin } = process;
  const print = (line: string) => void process.stderr.write(`${line}\n`);
  const log = program.wrapLog?.(print) ?? print;
  const [verb = ""] = argv;
  try {
    const verbs = new Map(Object.entries(program.verbs));
    const run = verbs.get(verb);
    if (!run) throw new StepError(`no verb "${verb}"`, `expected one of: ${[...verbs.keys()].join(", ")}`);
    const request = requestIn(program.requestVariable, env);
    const { contextVariable } = program;
    const given = contextVariable === undefined ? undefined : await text(stdin);
    const { kubeconfig, input } = program.input ? inputIn(given ?? "") : { kubeconfig: given ?? "", input: undefined };
    const server = contextVariable === undefined ? undefined : await openServer(kubeconfig, own(env, contextVariable));
    const result = await run(
      {
        log,
        signal,
        input,
        sleep: (ms) => delay(ms, undefined, { signal }),
        get server() {
          if (server === undefined) throw new Error("this program works on no cluster");
          return server;
        },
      },
      request,
    );
    if (result !== undefined) {
      process.stdout.write(typeof result === "string" ? result : `${JSON.stringify(result)}\n`);
    }
    return 0;
  } catch (error) {
    if (signal.aborted) {
      log(program.stopped ?? "Stopped; run the same command again.");
      return interrupted;
    }
    const left = own(program.cleanUp ?? {}, verb);
    if (left !== undefined) {
      log(`Warning: ${left} are not removed, if there are any: ${explained(error)}`);
      return 0;
    }
    log(`${program.name === undefined ? "" : `${program.name} ${verb}: `}${explained(error)}`);
    return 1;
  }
}

function requestIn(variable: string, env: Readonly<NodeJS.ProcessEnv>): unknown {
  const request = own(env, variable);
  if (!request) throw new Error(`${variable}: not set; it must hold the request as JSON`);
  try {
    return JSON.parse(request) as unknown;
  } catch {
    throw new Error(`${variable}: not JSON: ${request.slice(0, 200)}`);
  }
}

/** The message repeats none of it: it has secrets. */
function inputIn(text: string): ProgramInput {
  const input = parseJson(text) as Partial<ProgramInput> | undefined;
  if (typeof input?.kubeconfig !== "string") throw new Error("standard input: expected JSON with a kubeconfig");
  return { kubeconfig: input.kubeconfig, input: input.input };
}

async function openServer(kubeconfig: string, context: string | undefined): Promise<ApiServer> {
  try {
    return await ApiServer.open({ kubeconfig, context });
  } catch (error) {
    throw new StepError(
      `the kubeconfig cannot be used: ${(error as Error).message}`,
      "check it with kubectl, and the context in talos-mesh:cluster.kubeconfig",
    );
  }
}

/** The message of a network error does not say what was not reached. */
function explained(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!("code" in error) || !isUnreachable(error)) return error.message;
  return new StepError(
    `the cluster's API server does not respond: ${error.message}`,
    "see whether the cluster is up and this machine reaches it (kubectl get nodes); then run the same command again",
  ).message;
}
