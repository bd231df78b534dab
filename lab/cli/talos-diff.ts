import path from "node:path";
import { parseArgs } from "node:util";
import { queryStack } from "../engine/pulumi-query";
import type { Deployment, StateResource } from "../engine/pulumi-state";
import { talosDiff } from "../talos/diff";

const projectRoot = path.resolve(__dirname, "../..");

const usage = `usage: npm run talos:diff -- --stack STACK [--node HOSTNAME] [--config FILE]

  --stack STACK    the stack, deployed with the Pulumi CLI
  --node HOSTNAME  one node  (default: all)
  --config FILE    its stack file  (default: Pulumi.STACK.yaml of this project)`;

interface Options {
  readonly stack: string;
  readonly node?: string;
  readonly configFile: string;
}

/**
 * `npm run talos:diff`: what a deployment would change in the nodes' machine configs, in Talos' own words and without
 * secrets. Changes nothing.
 *
 * @returns 0; 1 where a node could not be asked; 2 where the options are wrong
 * @throws UserError
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
  const { stack, node, configFile } = options;
  const state = await exportState(stack);
  const diffs = await talosDiff({ projectRoot, stack, configFile, state, hostname: node });
  for (const { hostname, text } of diffs) console.log(`--- ${hostname}\n${text.trimEnd()}\n`);
  return diffs.some(({ failed }) => failed) ? 1 : 0;
}

/** @throws TypeError where the options are wrong */
function parse(argv: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      stack: { type: "string" },
      node: { type: "string" },
      config: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const { stack, node, config } = values;
  if (!stack) throw new TypeError("--stack is missing");
  // npm runs scripts in the project's folder and says in INIT_CWD where the person is.
  const here = process.env.INIT_CWD ?? process.cwd();
  const configFile = config ? path.resolve(here, config) : path.join(projectRoot, `Pulumi.${stack}.yaml`);
  return { stack, node, configFile };
}

async function exportState(stack: string): Promise<readonly StateResource[]> {
  const text = await queryStack(
    { projectRoot, stack },
    ["export", "--show-secrets"],
    "talos:diff reads the stack's state",
  );
  return (JSON.parse(text) as { deployment?: Deployment | null }).deployment?.resources ?? [];
}
