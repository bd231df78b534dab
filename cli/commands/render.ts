import path from "node:path";
import { parseArgs } from "node:util";
import { fromUser, stackFileOf } from "../../embedded/program/stack-option";
import { checkFolder, writeFolder } from "../render/output-folder";
import { render } from "../render/render";
import { required, stackOptions, withOptions } from "../options";

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
export function main(argv: readonly string[]): Promise<number> {
  return withOptions(usage, () => parse(argv), run);
}

async function run({ stack, out, configFile, skipUnbuilt }: Options): Promise<number> {
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
      ...stackOptions,
      out: { type: "string" },
      "skip-unbuilt": { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const stack = required("--stack", values.stack);
  const out = required("--out", values.out);
  return {
    stack,
    out: fromUser(out, "render"),
    configFile: stackFileOf(root, { stack, config: values.config }, "render"),
    skipUnbuilt: values["skip-unbuilt"],
  };
}
