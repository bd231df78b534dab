import path from "node:path";
import { parseArgs } from "node:util";
import type { EngineName } from "./engine";

export interface CommandOptions {
  readonly stack: string;
  /** Absolute path. */
  readonly configFile: string;
  /** From `--engine`, else from TALOS_MESH_ENGINE. */
  readonly engine?: EngineName;
  /** Whether to go on without asking, where it would be asked. */
  readonly yes: boolean;
}

/** The stack of a command that names none. */
const defaultStack = "dev";

/** What to type for a stack; without its name, the command would go to another one. */
export function commandFor(command: "npm start" | "npm run destroy", stack: string): string {
  return stack === defaultStack ? command : `${command} -- --stack ${stack}`;
}

/** What was typed cannot be understood; the message says what can be. */
export class UsageError extends Error {}

const engineVariable = "TALOS_MESH_ENGINE";

/** @throws UsageError */
export function parseOptions(
  argv: readonly string[],
  context: { readonly projectRoot: string; readonly env: NodeJS.ProcessEnv },
): CommandOptions {
  const { stack, config, engine, yes } = parse(argv);
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/.test(stack)) {
    throw new UsageError(`--stack "${stack}": expected a name of letters, digits, '_', '.' and '-'`);
  }
  // npm runs scripts in the project's folder and says in INIT_CWD where the person is.
  const here = context.env.INIT_CWD ?? process.cwd();
  return {
    stack,
    configFile:
      config === undefined ? path.join(context.projectRoot, `Pulumi.${stack}.yaml`) : path.resolve(here, config),
    engine: engineOf(engine, "--engine") ?? engineOf(context.env[engineVariable], engineVariable),
    yes,
  };
}

function parse(argv: readonly string[]): { stack: string; config?: string; engine?: string; yes: boolean } {
  const options = {
    stack: { type: "string", default: defaultStack },
    config: { type: "string" },
    engine: { type: "string" },
    yes: { type: "boolean", short: "y", default: false },
  } as const;
  try {
    return parseArgs({ args: [...argv], options }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function engineOf(text: string | undefined, from: string): EngineName | undefined {
  if (text === undefined || text === "") return undefined;
  if (text === "pulumi" || text === "embedded") return text;
  throw new UsageError(`${from} "${text}": expected one of: pulumi, embedded`);
}

/** What a command's exit code says, beside 0: all is well. */
export type ExitCodes = Readonly<Record<number, string>>;

/** How a command of this program is called. */
export function usage(command: string, exitCodes: ExitCodes): string {
  const codes = Object.entries(exitCodes).map(([code, meaning]) => `  ${code.padEnd(15)}  ${meaning}`);
  return `usage: ${command} [-- --stack STACK] [--config FILE] [--engine pulumi|embedded] [--yes]

  --stack STACK    the stack  (default: dev)
  --config FILE    its stack file  (default: Pulumi.STACK.yaml of this project)
  --engine ENGINE  what deploys it  (default: the Pulumi CLI where there is one, else the embedded runner;
                   ${engineVariable} sets it too)
  --yes, -y        do not ask before changing an environment other than dev

exit codes
${codes.join("\n")}`;
}

/** The options of a command line, or the exit code after printing how the command is called: asked for, or needed. */
export function optionsOrUsage(
  argv: readonly string[],
  { command, exitCodes }: { readonly command: string; readonly exitCodes: ExitCodes },
  surroundings: Parameters<typeof parseOptions>[1],
): CommandOptions | number {
  if (argv.some((argument) => argument === "--help" || argument === "-h")) {
    console.log(usage(command, exitCodes));
    return 0;
  }
  try {
    return parseOptions(argv, surroundings);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\n${usage(command, exitCodes)}`);
    return 2;
  }
}
