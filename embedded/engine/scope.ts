import { readStackConfig } from "../../components/settings/stack-file";
import { UserError } from "../program/errors";

/** Something that is asked of this program and only the Pulumi CLI does. */
export class NeedsPulumiError extends UserError {
  override readonly name = "NeedsPulumiError";

  constructor(what: string) {
    super(
      `${what} needs the Pulumi CLI, which keeps state and secrets safely. ` +
        "Install it (https://www.pulumi.com/docs/install/) and run this again.",
    );
  }
}

/**
 * Refuses what the embedded runner must not do. Only looks at what it must know; the settings are checked by the
 * program itself, with every problem in one message.
 *
 * @throws NeedsPulumiError, StackFileError
 */
export function checkScope(run: {
  readonly projectRoot: string;
  readonly stack: string;
  readonly configFile: string;
}): void {
  const { values } = readStackConfig(run.projectRoot, run.configFile, encrypted);
  const environment = values["talos-mesh:environment"];
  if (environment !== undefined && environment !== "dev") {
    throw new NeedsPulumiError(`The stack "${run.stack}" is a ${environment} environment; deploying one`);
  }
  const kind = clusterKind(values["talos-mesh:cluster"]);
  // A cluster that is shared with others holds objects that are not ours, and this record cannot tell them apart safely.
  if (kind !== undefined && ["existing", "talos", "docker"].includes(kind)) {
    throw new NeedsPulumiError(`A cluster of kind ${kind}`);
  }
}

/** Stands for the decryption of a stack file's secret, which only the CLI can do. */
export function encrypted(name: string): never {
  throw new NeedsPulumiError(`${name} is encrypted; reading it`);
}

function clusterKind(text: string | undefined): string | undefined {
  try {
    const kind = (JSON.parse(text ?? "") as { kind?: unknown }).kind;
    return typeof kind === "string" ? kind : undefined;
  } catch {
    return undefined;
  }
}
