import path from "node:path";
import { parseArgs } from "node:util";
import { UserError } from "../../embedded/program/errors";
import { writeNewFile } from "../../embedded/program/new-file";
import { fromUser, stackFileOf } from "../../embedded/program/stack-option";
import { stackSettings } from "../../embedded/program/stack-settings";
import { exportState } from "../talos/state";
import { talosconfig } from "../talos/talosconfig";
import { required, stackOptions, withOptions } from "../options";

const projectRoot = path.resolve(__dirname, "../..");
const script = "talos:config";

const usage = `usage: npm run talos:config -- --stack STACK [--out FILE] [--config FILE]

  --stack STACK    the stack, deployed with the Pulumi CLI, also where that has not got to its end
  --out FILE       talosconfig to write  (default: talosconfig)
  --config FILE    its stack file  (default: Pulumi.STACK.yaml of this project)`;

interface Options {
  readonly stack: string;
  readonly config?: string;
  readonly out: string;
}

/**
 * `npm run talos:config`: a talosconfig, for `talosctl` in a person's hands. Its client certificate is new each time, and
 * good for a year.
 *
 * @returns 0, or 2 where the options are wrong
 * @throws UserError, SettingsError
 */
export function main(argv: readonly string[]): Promise<number> {
  return withOptions(usage, () => parse(argv), run);
}

async function run({ stack, config, out }: Options): Promise<number> {
  const { cluster } = stackSettings(projectRoot, stackFileOf(projectRoot, { stack, config }, script));
  if (cluster.kind !== "talos") {
    throw new UserError(`--stack ${stack}: cluster.kind is ${cluster.kind}; there is a talosconfig for talos only.`);
  }
  const state = await exportState(
    { projectRoot, stack },
    "talos:config takes the machine secrets from the stack's state",
  );
  // Nobody else may read it.
  writeNewFile(out, await talosconfig({ projectRoot, cluster, state }), 0o600);
  const [node = ""] = cluster.nodes.map(({ ipAddress }) => ipAddress);
  console.log(`${path.relative(process.cwd(), out)}: talosctl --talosconfig ${out} -n ${node} services`);
  return 0;
}

/** @throws TypeError where the options are wrong */
function parse(argv: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      ...stackOptions,
      out: { type: "string", default: "talosconfig" },
    },
  });
  const { stack, config, out, help } = values;
  if (help) return undefined;
  return { stack: required("--stack", stack), config, out: fromUser(out, script) };
}
