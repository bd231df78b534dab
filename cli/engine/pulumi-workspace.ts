import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseDocument, type Document } from "yaml";
import { StackFileError, UserError } from "../../embedded/program/errors";
import { stackLayout } from "../../embedded/engine/layout";
import { choiceOf, ownBackend, type BackendChoice } from "./pulumi-backend";
import type { StackOfProject } from "./engine";

/** Where the CLI works for a stack, and with which backend. */
export interface PulumiWorkspace {
  /** A folder of ours with a Pulumi.yaml and the stack file. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** The folder of our own backend; none where the person has chosen one. */
  readonly backend?: string;
  /** What is remembered of it, so that the next run asks the same one. */
  readonly choice: BackendChoice;
}

/** Keys with which the CLI remembers in the stack file how secrets are encrypted. */
const encryptionKeys = ["encryptionsalt", "encryptedkey", "secretsprovider"] as const;

/**
 * The CLI writes the salt of its encryption into the stack file, which is checked in. So it works in a folder of ours,
 * with a copy of the stack file and a Pulumi.yaml whose `main` is the program in its place: git stays clean, and
 * a `pulumi up` by hand in the project goes on with whatever backend its person has chosen.
 *
 * The backend is a folder of ours too, with a passphrase in a file, unless the environment names another.
 */
export function workspaceOf(of: StackOfProject, env: NodeJS.ProcessEnv): PulumiWorkspace {
  const choice = choiceOf(of.projectRoot, env);
  const own = ownBackend(of.projectRoot);
  const passphrase = path.join(of.projectRoot, ".talos-mesh", "passphrase");
  return {
    folder: path.join(stackLayout(of.projectRoot, of.stack).folder, "workspace"),
    env: {
      PULUMI_SKIP_UPDATE_CHECK: "true",
      ...(choice.backend === "own" && { PULUMI_BACKEND_URL: own.url }),
      ...(choice.passphrase === "own" && { PULUMI_CONFIG_PASSPHRASE_FILE: passphrase }),
    },
    ...(choice.backend === "own" && { backend: own.folder }),
    choice,
  };
}

/**
 * Writes the workspace's files for a deployment.
 *
 * @throws StackFileError, UserError where the stack file's secrets are encrypted with a passphrase that is not ours.
 */
export function prepareWorkspace(
  of: StackOfProject & { readonly configFile: string },
  workspace: PulumiWorkspace,
): void {
  const passphraseFile = workspace.env.PULUMI_CONFIG_PASSPHRASE_FILE;
  const stackFile = path.join(workspace.folder, `Pulumi.${of.stack}.yaml`);
  const config = readYaml(of.configFile);
  const theirs = encryptionKeys.some((key) => config.has(key));
  const environment = config.getIn(["config", "talos-mesh:environment"]);
  if (workspace.backend !== undefined && environment !== undefined && environment !== "dev") {
    throw new UserError(
      `The stack "${of.stack}" is a ${JSON.stringify(environment)} environment, whose state does not belong in a folder of one machine. ` +
        "Set PULUMI_BACKEND_URL to the backend it is kept in, or deploy it with `pulumi up`.",
    );
  }
  const encrypted = theirs && holdsSecret(config.toJS());
  if (encrypted && passphraseFile !== undefined && !config.has("encryptedkey")) {
    throw new UserError(
      `${of.configFile} holds secrets that were encrypted with a passphrase of yours. ` +
        "Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to it and run this again.",
    );
  }
  if (!encrypted) {
    // What decrypts nothing here is replaced by what goes with this workspace's own passphrase.
    const last = existsSync(stackFile) ? readYaml(stackFile) : undefined;
    for (const key of encryptionKeys) {
      config.delete(key);
      if (last?.has(key) === true) config.set(key, last.get(key));
    }
  }
  const project = readYaml(path.join(of.projectRoot, "Pulumi.yaml"));
  project.set("main", path.join(of.projectRoot, (project.get("main") as string | undefined) ?? "index.ts"));

  mkdirSync(workspace.folder, { recursive: true, mode: 0o700 });
  if (workspace.backend !== undefined) mkdirSync(workspace.backend, { recursive: true, mode: 0o700 });
  if (passphraseFile !== undefined && !existsSync(passphraseFile)) {
    writeFileSync(passphraseFile, randomBytes(32).toString("base64url"), { mode: 0o600 });
  }
  writeFileSync(path.join(workspace.folder, "Pulumi.yaml"), project.toString());
  writeFileSync(stackFile, config.toString(), { mode: 0o600 });
}

/** Removes our own backend with its passphrase, once it holds no stack any more. */
export function removeEmptyBackend({ projectRoot }: StackOfProject, workspace: PulumiWorkspace, stacks: number): void {
  if (workspace.backend === undefined || stacks > 0) return;
  rmSync(workspace.backend, { recursive: true, force: true });
  rmSync(path.join(projectRoot, ".talos-mesh", "passphrase"), { force: true });
}

/** Whether an encrypted value stands anywhere inside. */
function holdsSecret(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (typeof (value as { secure?: unknown }).secure === "string") return true;
  return Object.values(value).some(holdsSecret);
}

function readYaml(file: string): Document {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new StackFileError(`${file}: ${(error as Error).message}`, { cause: error });
  }
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) throw new StackFileError(`${file}: ${problem.message}`);
  return document;
}
