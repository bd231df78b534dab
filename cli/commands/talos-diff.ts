import path from "node:path";
import { parseArgs } from "node:util";
import { stackFileOf } from "../../embedded/program/stack-option";
import { talosDiff } from "../talos/diff";
import { exportState } from "../talos/state";
import { required, stackOptions, withOptions } from "../options";

const projectRoot = path.resolve(__dirname, "../..");

const usage = `usage: npm run talos:diff -- --stack STACK [--node HOSTNAME] [--config FILE]

  --stack STACK    the stack, deployed with the Pulumi CLI
  --node HOSTNAME  one node  (default: all)
  --config FILE    its stack file  (default: Pulumi.STACK.yaml of this project)`;

interface Options {
  readonly stack: string;
  readonly node?: string;
  readonly config?: string;
}

/**
 * `npm run talos:diff`: what a deployment would change in the nodes' machine configs, in Talos' own words and without
 * secrets. Changes nothing.
 *
 * @returns 0; 1 where a node could not be asked; 2 where the options are wrong
 * @throws UserError
 */
export function main(argv: readonly string[]): Promise<number> {
  return withOptions(usage, () => parse(argv), run);
}

async function run({ stack, node, config }: Options): Promise<number> {
  const configFile = stackFileOf(projectRoot, { stack, config }, "talos:diff");
  const state = await exportState({ projectRoot, stack }, "talos:diff reads the stack's state");
  const diffs = await talosDiff({ projectRoot, stack, configFile, state, hostname: node });
  for (const { hostname, text } of diffs) console.log(`--- ${hostname}\n${text.trimEnd()}\n`);
  return diffs.some(({ failed }) => failed) ? 1 : 0;
}

/** @throws TypeError where the options are wrong */
function parse(argv: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      ...stackOptions,
      node: { type: "string" },
    },
  });
  if (values.help) return undefined;
  const { stack, node, config } = values;
  return { stack: required("--stack", stack), node, config };
}
