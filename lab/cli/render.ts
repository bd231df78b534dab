import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { UserError } from "../program/errors";
import { checkFolder, writeFolder } from "../render/output-folder";
import { render } from "../render/render";

const root = path.resolve(__dirname, "../..");

const usage = `usage: npm run render -- --stack STACK --out DIR [--config FILE] [--skip-unbuilt]

  --stack STACK    the stack to render; with --config, only a name
  --out DIR        folder for the files: new, empty, or that of an earlier render
  --config FILE    stack file  (default: Pulumi.STACK.yaml of this project)
  --skip-unbuilt   leave out what this release does not build, instead of refusing it`;

interface Options {
  readonly stack: string;
  readonly out: string;
  readonly configFile: string;
  readonly skipUnbuilt: boolean;
}

/**
 * `npm run render`: what a stack consists of, as files.
 *
 * @returns 0, or 2 where the options are wrong
 * @throws UserError, and what the program throws on bad settings
 */
export async function main(argv: readonly string[]): Promise<number> {
  let options: Options | undefined;
  try {
    options = parse(argv);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(`${error.message}\n\n${usage}`);
    return 2;
  }
  if (!options) {
    console.log(usage);
    return 0;
  }
  const { stack, out, configFile, skipUnbuilt } = options;
  checkFolder(out);
  const files = await render({ projectRoot: root, stack, configFile, skipUnbuilt });
  writeFolder(out, files);
  console.log(`${stack}: ${files.size} files in ${path.relative(process.cwd(), out) || "."}`);
  return 0;
}

/** @throws TypeError where the options are wrong */
function parse(argv: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      stack: { type: "string" },
      out: { type: "string" },
      config: { type: "string" },
      "skip-unbuilt": { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const { stack, out, config } = values;
  if (!stack) throw new TypeError("--stack is missing");
  if (!out) throw new TypeError("--out is missing");
  return {
    stack,
    out: fromUser(out),
    configFile: config ? fromUser(config) : stackFile(stack),
    skipUnbuilt: values["skip-unbuilt"],
  };
}

/** npm changes to the project's folder; the user means the folder the command was typed in. */
function fromUser(file: string): string {
  const { npm_lifecycle_event: script, INIT_CWD: typedIn } = process.env;
  return path.resolve(script === "render" && typedIn ? typedIn : process.cwd(), file);
}

function stackFile(stack: string): string {
  const file = path.join(root, `Pulumi.${stack}.yaml`);
  if (existsSync(file)) return file;
  const stacks = readdirSync(root).flatMap((entry) => /^Pulumi\.(.+)\.yaml$/.exec(entry)?.[1] ?? []);
  throw new UserError(
    `--stack ${stack}: there is no Pulumi.${stack}.yaml. The stacks there are: ${stacks.sort().join(", ")}. ` +
      "A stack file that lies elsewhere is named by --config FILE.",
  );
}
