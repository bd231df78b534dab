import path from "node:path";
import { pathToFileURL } from "node:url";
import { UserError } from "../../embedded/program/errors";
import type { StackOfProject } from "./engine";
import { recordedChoice } from "./recorded";

/** Where a stack's state is and what encrypts its secrets: ours (in `.talos-mesh`), or chosen by the environment. */
export interface BackendChoice {
  /** `own`, else the address, without any credentials. */
  readonly backend: string;
  readonly passphrase: "own" | "given";
}

export function choiceOf(projectRoot: string, env: NodeJS.ProcessEnv): BackendChoice {
  const url = addressOf(env.PULUMI_BACKEND_URL ?? "");
  const given = env.PULUMI_CONFIG_PASSPHRASE !== undefined || env.PULUMI_CONFIG_PASSPHRASE_FILE !== undefined;
  return {
    backend: url === "" || url === ownBackend(projectRoot).url ? "own" : url,
    passphrase: given ? "given" : "own",
  };
}

/** The backend of our own. */
export function ownBackend(projectRoot: string): { readonly folder: string; readonly url: string } {
  const folder = path.join(projectRoot, ".talos-mesh", "pulumi");
  return { folder, url: pathToFileURL(folder).href };
}

/**
 * Another backend knows nothing of the stack: it would be made twice, or called gone while it is there.
 *
 * @throws UserError where the stack was deployed with another backend, or another kind of passphrase, than is chosen now.
 */
export function checkBackend(of: StackOfProject, { choice }: { readonly choice: BackendChoice }): void {
  const recorded = recordedChoice(of);
  if (recorded === undefined) return;
  const stack = `The stack "${of.stack}" was deployed with`;
  if (recorded.backend !== choice.backend) {
    const [theirs, chosen] = [recorded, choice].map(({ backend }) =>
      backend === "own" ? ownBackend(of.projectRoot).url : backend,
    );
    const remedy =
      recorded.backend === "own" ? "Unset PULUMI_BACKEND_URL" : `Set PULUMI_BACKEND_URL=${recorded.backend}`;
    throw new UserError(
      `${stack} the backend ${theirs}, and ${chosen} knows nothing of what is there.\n${remedy} and run this again.`,
    );
  }
  if (recorded.passphrase === choice.passphrase) return;
  throw new UserError(
    recorded.passphrase === "own"
      ? `${stack} the passphrase in .talos-mesh/passphrase, and the environment names another.\n` +
          "Unset PULUMI_CONFIG_PASSPHRASE and PULUMI_CONFIG_PASSPHRASE_FILE and run this again."
      : `${stack} a passphrase of yours, and the environment names none.\n` +
          "Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to it and run this again.",
  );
}

/** An address without its credentials, fit for a file and for messages. */
function addressOf(url: string): string {
  return url
    .replace(/\/\/[^/@]*@/, "//")
    .replace(/([?&][^=&]*(?:password|secret|token|key)[^=&]*=)[^&]*/gi, "$1[secret]")
    .replace(/\/+$/, "");
}
