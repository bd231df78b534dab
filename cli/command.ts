import path from "node:path";
import { Argument, Command as Parser, Option } from "commander";
import { own } from "../components/shared/own";

interface ValueDeclaration {
  /** Optional where the choices say it all. */
  readonly text?: string;
  readonly choices?: readonly string[];
  /** Throws a UsageError with what is expected. */
  readonly parse?: (text: string) => unknown;
  /** Whether it may be given several times; the result is then a list. */
  readonly repeated?: true;
}

export interface OptionDeclaration extends ValueDeclaration {
  /** Name of the value, for the help. Without it, the option is a switch. */
  readonly value?: string;
  /** `y` for `-y`. */
  readonly short?: string;
  readonly required?: true;
  readonly default?: string;
}

export interface ArgumentDeclaration extends ValueDeclaration {
  readonly optional?: true;
}

type Declarations<Declaration> = Readonly<Record<string, Declaration>>;

type Parsed<D> = D extends { readonly parse: (text: string) => infer Value }
  ? Value
  : D extends { readonly choices: readonly (infer Choice)[] }
    ? Choice
    : string;
type OneOrList<D> = D extends { readonly repeated: true } ? readonly Parsed<D>[] : Parsed<D>;
type OptionValue<D> = D extends { readonly value: string }
  ? D extends { readonly repeated: true } | { readonly required: true } | { readonly default: string }
    ? OneOrList<D>
    : OneOrList<D> | undefined
  : boolean;
type ArgumentValue<D> = D extends { readonly optional: true; readonly repeated?: never }
  ? OneOrList<D> | undefined
  : OneOrList<D>;

/** The values of a command line, by the names of the declared options and arguments. */
type Given<Options, Arguments> = { readonly [Name in keyof Options]: OptionValue<Options[Name]> } & {
  readonly [Name in keyof Arguments]: ArgumentValue<Arguments[Name]>;
};

/** A command of `npm run`, or a command below one. */
export interface Command {
  /** As typed after `npm run`. */
  readonly name: string;
  /** One line; the list of all commands shows it. */
  readonly summary: string;
  /** Option names in camel case: `showPassword` is `--show-password`. */
  readonly options?: Declarations<OptionDeclaration>;
  readonly arguments?: Declarations<ArgumentDeclaration>;
  /** Printed below the options. */
  readonly details?: string;
  /** What exit codes mean here, where it is more than in every command. */
  readonly exitCodes?: Readonly<Record<number, string>>;
  /** Gives the exit code. */
  readonly run?: (given: never) => number | Promise<number>;
  /** Commands below this one: `keygen` of `npm run jwt -- keygen`. */
  readonly commands?: readonly Command[];
}

/**
 * What the command's `run` receives is typed by its options and arguments. cli/bin/talos-mesh.cjs reads name and
 * summary from the file without loading it: they are plain strings, on the first lines after `declare({`.
 */
export function declare<
  const Options extends Declarations<OptionDeclaration> = Record<never, never>,
  const Arguments extends Declarations<ArgumentDeclaration> = Record<never, never>,
>(
  command: Omit<Command, "options" | "arguments" | "run"> & {
    readonly options?: Options;
    readonly arguments?: Arguments;
    readonly run: (given: Given<Options, Arguments>) => number | Promise<number>;
  },
): typeof command {
  return command;
}

/** `parse` of a file or folder. */
export function filePath(name: string): string {
  if (name === "") throw new UsageError("expected the name of a file or folder");
  return path.resolve(name);
}

/** `parse` of a value that has to match a pattern. */
export function matching(pattern: RegExp, expected: string): (text: string) => string {
  return (text) => {
    if (pattern.test(text)) return text;
    throw new UsageError(`expected ${expected}`);
  };
}

/** `parse` of an option such as `--header name=value`. */
export function nameAndValue(text: string): readonly [name: string, value: string] {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError("expected name=value");
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Parses a port; 0 is any free one. */
export function portOf(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65535) return port;
  throw new UsageError("expected a number from 0 to 65535");
}

/** The message says what is expected. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  help?: string;
}

class HelpRequested extends Error {}

const commonExitCodes: Readonly<Record<number, string>> = {
  0: "success",
  1: "refused, or something failed",
  2: "the command line is wrong",
  130: "interrupted",
};

type Invocation<Values> = Readonly<{ values: Values; help: string; run: () => number | Promise<number> }>;

/** Gives the exit code of the command's `run`; 0 after its help, 2 where the command line is wrong. */
export async function runCommand(command: Command, argv: readonly string[]): Promise<number> {
  let invocation: Invocation<never> | undefined;
  try {
    invocation = parseCommandLine(command, argv);
    return await invocation.run();
  } catch (error) {
    if (error instanceof HelpRequested) {
      console.log(error.message);
      return 0;
    }
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\n${error.help ?? invocation?.help}`);
    return 2;
  }
}

/**
 * Runs the command of an npm script. Files on the command line are relative to the folder in which it was typed, which
 * npm has in INIT_CWD; npm itself changes to the project's folder.
 */
export async function runScript(command: Command, argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const consumed = consumedByNpm(command, env);
  if (consumed.length > 0) {
    const names = consumed.map(([flag]) => flag).join(" and ");
    console.error(
      `npm consumed ${names}; put options after \`--\`:\n  npm run ${command.name} -- ${intended(consumed, command, argv)}`,
    );
    return 2;
  }
  // A test that `npm test` runs may start this command by itself, in another folder.
  if (env.npm_lifecycle_event === command.name && env.INIT_CWD) process.chdir(env.INIT_CWD);
  return runCommand(command, argv);
}

/** Without a value where npm left it among the arguments, as with `--stack x`. */
type ConsumedOption = readonly [flag: string, value?: string];

/** Options that were typed without `--` before them: npm takes them and passes them on in the environment. */
function consumedByNpm(command: Command, env: NodeJS.ProcessEnv): ConsumedOption[] {
  const keys = [command, ...(command.commands ?? [])].flatMap(({ options = {} }) => Object.keys(options));
  return [...new Set(keys)].map(flagOf).flatMap((flag): ConsumedOption[] => {
    const value = own(env, `npm_config_${flag.slice(2).replaceAll("-", "_")}`);
    return value ? [value === "true" ? [flag] : [flag, value]] : [];
  });
}

function intended(consumed: readonly ConsumedOption[], { commands = [] }: Command, argv: readonly string[]): string {
  const certain = consumed.length === 1 || consumed.every(({ length }) => length === 2);
  if (!certain) return consumed.map(([flag]) => `${flag} ...`).join(" ");
  const below = commands.some(({ name }) => name === argv[0]) ? 1 : 0;
  return [...argv.slice(0, below), ...consumed.flat(), ...argv.slice(below)].join(" ");
}

export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

export function parseCommandLine<C extends Command>(
  command: C,
  argv: readonly string[],
): Invocation<Parameters<NonNullable<C["run"]>>[0]> {
  let found: Invocation<never> | undefined;
  const title = command.name === "start" ? "npm start --" : `npm run ${command.name} --`;
  parserOf(command, title, (invocation) => (found = invocation)).parse(argv, { from: "user" });
  if (found === undefined) throw new RangeError(`${command.name}: no command was run`);
  return found;
}

function parserOf(command: Command, name: string, onMatch: (invocation: Invocation<never>) => void): Parser {
  const { summary, options = {}, arguments: positional = {}, commands = [], details, run } = command;
  const codes = Object.entries({ ...commonExitCodes, ...command.exitCodes });
  const exitCodes = ["Exit codes", ...codes.map(([code, meaning]) => `  ${code.padEnd(3)}  ${meaning}`)].join("\n");
  const parser = new Parser(name).description(summary).helpCommand(false).allowExcessArguments();
  const help = () => [parser.helpInformation().trimEnd(), ...(details ? [details] : []), exitCodes].join("\n\n");
  parser.configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
  parser.exitOverride(({ code, exitCode, message }) => {
    if (exitCode === 0) throw new HelpRequested(help());
    const expected = `expected one of: ${commands.map((each) => each.name).join(", ")}`;
    const reason = message.replace(/^error: /, "");
    const problem =
      { "commander.help": expected, "commander.unknownCommand": `${reason}; ${expected}` }[code] ?? reason;
    throw Object.assign(new UsageError(problem), { help: help() });
  });

  for (const [key, declaration] of Object.entries(options)) {
    const { value, short, required = false, default: fallback, repeated } = declaration;
    const long = flagOf(key);
    const flags = `${short === undefined ? "" : `-${short}, `}${long}${value === undefined ? "" : ` <${value}>`}`;
    const option = new Option(flags, textOf(declaration)).makeOptionMandatory(required);
    const read = reader(long, declaration, parser);
    if (value !== undefined) option.argParser(read);
    if (repeated) option.default([], "none");
    else if (fallback !== undefined) option.default(read(fallback), fallback);
    parser.addOption(option);
  }
  for (const [key, declaration] of Object.entries(positional)) {
    const argument = new Argument(`<${key}${declaration.repeated ? "..." : ""}>`, textOf(declaration));
    argument.argParser(reader(key, declaration, parser));
    parser.addArgument(declaration.optional ? argument.argOptional() : argument);
  }
  for (const each of commands) parser.addCommand(parserOf(each, each.name, onMatch));
  if (run === undefined) return parser;

  return parser.action(() => {
    const surplus = parser.args.slice(Object.keys(positional).length);
    if (surplus.length > 0 && !Object.values(positional).some(({ repeated }) => repeated)) {
      parser.error(`unexpected: ${surplus.join(" ")}`);
    }
    const typed: Record<string, unknown> = parser.opts();
    const values = Object.fromEntries([
      ...Object.entries(options).map(
        ([key, { value }]) => [key, value ? own(typed, key) : Boolean(own(typed, key))] as const,
      ),
      ...Object.keys(positional).map((key, index) => [key, parser.processedArgs[index] as unknown] as const),
    ]) as never;
    onMatch({ values, help: help(), run: () => run(values) });
  });
}

function textOf({ choices, text }: ValueDeclaration): string {
  return [choices && `one of: ${choices.join(", ")}`, text].filter(Boolean).join("; ");
}

/** Reads a value, and adds it to those before where there may be several. */
function reader(name: string, { choices, parse = (text) => text, repeated }: ValueDeclaration, parser: Parser) {
  return (text: string, before: unknown = []): unknown => {
    if (choices !== undefined && !choices.includes(text)) {
      parser.error(`${name} "${text}": expected one of: ${choices.join(", ")}`);
    }
    try {
      return repeated ? [...(before as unknown[]), parse(text)] : parse(text);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      return parser.error(`${name} "${text}": ${error.message}`);
    }
  };
}
