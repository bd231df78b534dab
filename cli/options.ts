/**
 * Runs a command with the options that were typed.
 *
 * @param parse gives nothing where help is asked for; throws a TypeError, as `parseArgs` does, where they are wrong
 * @returns the exit code: that of `run`; 0 after help; 2 after saying on stderr what is wrong
 */
export async function withOptions<Options>(
  usage: string,
  parse: () => Options | undefined,
  run: (options: Options) => number | Promise<number>,
): Promise<number> {
  let options: Options | undefined;
  try {
    options = parse();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(`${error.message}\n\n${usage}`);
    return 2;
  }
  if (options !== undefined) return run(options);
  console.log(usage);
  return 0;
}

/** Options of every command that reads a stack file. */
export const stackOptions = {
  stack: { type: "string" },
  config: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** @throws TypeError where an option that has to be there was left out */
export function required(option: string, value: string | undefined): string {
  if (!value) throw new TypeError(`${option} is missing`);
  return value;
}
