import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { UserError } from "./errors";

/** npm changes to the project's folder; the user means the folder the command was typed in. */
export function fromUser(file: string, script: string): string {
  const { npm_lifecycle_event: running, INIT_CWD: typedIn } = process.env;
  return path.resolve(running === script && typedIn ? typedIn : process.cwd(), file);
}

/**
 * The stack file that `--stack` and `--config` mean, absolute.
 *
 * @param script name of the npm script that the options were given to
 * @throws UserError where the project has no such stack
 */
export function stackFileOf(
  root: string,
  { stack, config }: { readonly stack: string; readonly config?: string | undefined },
  script: string,
): string {
  if (config) return fromUser(config, script);
  const file = path.join(root, `Pulumi.${stack}.yaml`);
  if (existsSync(file)) return file;
  const stacks = readdirSync(root).flatMap((entry) => /^Pulumi\.(.+)\.yaml$/.exec(entry)?.[1] ?? []);
  throw new UserError(
    `--stack ${stack}: there is no Pulumi.${stack}.yaml. The stacks there are: ${stacks.sort().join(", ")}. ` +
      "A stack file that lies elsewhere is named by --config FILE.",
  );
}
