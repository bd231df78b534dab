import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseDocument, type Document } from "yaml";
import { readStackConfig } from "../../components/settings/stack-file";
import { UserError } from "../../components/shared/problem";
import { stackFolder } from "../../embedded/engine/stack-folder";
import type { StackOfProject } from "./engine";
import { type BackendChoice, recordedBackend } from "./records";

export type PulumiWorkspace = ReturnType<typeof workspaceOf>;

/** Keys with which the CLI records in the stack file how secrets are encrypted. */
const encryptionKeys = ["encryptionsalt", "encryptedkey", "secretsprovider"] as const;

/**
 * The CLI writes the salt of its encryption into the stack file, which is under version control. So it works in a
 * folder of ours, with a copy of the stack file and a Pulumi.yaml whose `main` is the program of the project: git stays
 * clean, and a `pulumi up` in the project itself uses the backend that its user has chosen.
 *
 * The backend is a folder of ours too, with a passphrase in a file, unless the environment names another.
 */
export function workspaceOf(project: StackOfProject, env: NodeJS.ProcessEnv) {
  const url = withoutCredentials(env.PULUMI_BACKEND_URL ?? "");
  const own = ownBackend(project.projectRoot);
  const backend = url === "" || url === own.url ? "own" : url;
  const givenPassphrase = env.PULUMI_CONFIG_PASSPHRASE ?? env.PULUMI_CONFIG_PASSPHRASE_FILE;
  const choice: BackendChoice = { backend, passphrase: givenPassphrase === undefined ? "own" : "given" };
  const { folder } = stackFolder(project.projectRoot, project.stack);
  return {
    folder: path.join(folder, "workspace"),
    /** TMPDIR of the CLI and its plugins; removed after a run. */
    temporary: path.join(folder, "tmp"),
    env: {
      PULUMI_SKIP_UPDATE_CHECK: "true",
      ...(backend === "own" && { PULUMI_BACKEND_URL: own.url }),
      ...(choice.passphrase === "own" && { PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile(project.projectRoot) }),
    },
    /** The folder of our own backend; undefined where the environment names one. */
    backendFolder: backend === "own" ? own.folder : undefined,
    choice,
  };
}

function ownBackend(projectRoot: string) {
  const folder = path.join(projectRoot, ".talos-mesh", "pulumi");
  return { folder, url: pathToFileURL(folder).href };
}

export function passphraseFile(projectRoot: string): string {
  return path.join(projectRoot, ".talos-mesh", "passphrase");
}

/**
 * Refuses another backend, or another kind of passphrase, than the stack was deployed with. Another backend has no state
 * of the stack: it would be deployed twice, or reported as absent while it exists.
 */
export function checkBackend(project: StackOfProject, { choice }: PulumiWorkspace): void {
  const recorded = recordedBackend(project);
  if (recorded === undefined) return;
  const stack = `The stack "${project.stack}" was deployed with`;
  if (recorded.backend !== choice.backend) {
    const urlOf = ({ backend }: BackendChoice) => (backend === "own" ? ownBackend(project.projectRoot).url : backend);
    const remedy =
      recorded.backend === "own" ? "Unset PULUMI_BACKEND_URL" : `Set PULUMI_BACKEND_URL=${recorded.backend}`;
    throw new UserError(
      `${stack} the backend ${urlOf(recorded)}; ${urlOf(choice)} has no state of it.\n${remedy} and run this again.`,
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

/** Writes the workspace's Pulumi.yaml and stack file, and creates the backend and the passphrase where they are ours. */
export function prepareWorkspace(project: StackOfProject & { configFile: string }, workspace: PulumiWorkspace): void {
  const { values, secretKeys } = readStackConfig(project.projectRoot, project.configFile);
  const environment = values["talos-mesh:environment"] ?? "dev";
  if (workspace.backendFolder !== undefined && environment !== "dev") {
    throw new UserError(
      `The stack "${project.stack}" is a ${JSON.stringify(environment)} environment, whose state does not belong in a folder of one machine. ` +
        "Set PULUMI_BACKEND_URL to its backend, or deploy it with `pulumi up`.",
    );
  }
  const stackFile = path.join(workspace.folder, `Pulumi.${project.stack}.yaml`);
  const read = (file: string) => parseDocument(readFileSync(file, "utf8"));
  const config = read(project.configFile);
  const { passphrase } = workspace.choice;
  const encrypted = secretKeys.length > 0 && encryptionKeys.some((key) => config.has(key));
  if (encrypted && passphrase === "own" && !config.has("encryptedkey")) {
    throw new UserError(
      `${project.configFile} holds secrets that were encrypted with a passphrase of yours. ` +
        "Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to it and run this again.",
    );
  }
  if (!encrypted) keepEncryption(config, existsSync(stackFile) ? read(stackFile) : undefined, passphrase);
  const pulumiYaml = read(path.join(project.projectRoot, "Pulumi.yaml"));
  pulumiYaml.set("main", path.join(project.projectRoot, (pulumiYaml.get("main") as string | undefined) ?? "index.ts"));

  mkdirSync(workspace.folder, { recursive: true, mode: 0o700 });
  if (workspace.backendFolder !== undefined) mkdirSync(workspace.backendFolder, { recursive: true, mode: 0o700 });
  const ownPassphrase = passphraseFile(project.projectRoot);
  if (workspace.choice.passphrase === "own" && !existsSync(ownPassphrase)) {
    writeFileSync(ownPassphrase, randomBytes(32).toString("base64url"), { mode: 0o600 });
  }
  writeFileSync(path.join(workspace.folder, "Pulumi.yaml"), pulumiYaml.toString());
  writeFileSync(stackFile, config.toString(), { mode: 0o600 });
}

/** Takes the encryption of an earlier run in this workspace for a stack file without secrets. */
function keepEncryption(config: Document, earlier: Document | undefined, passphrase: string): void {
  // The CLI checks a passphrase against the salt: where the user gives the passphrase, the file's salt must stay,
  // so that a wrong passphrase is refused.
  if (passphrase === "given" && encryptionKeys.some((key) => config.has(key))) return;
  for (const key of encryptionKeys) {
    config.delete(key);
    if (earlier?.has(key) === true) config.set(key, earlier.get(key));
  }
}

/** The state files of all stacks in our own backend. */
export function stateFiles(backendFolder: string | undefined): string[] {
  const folder = backendFolder && path.join(backendFolder, ".pulumi", "stacks");
  if (folder === undefined || !existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return files.filter((file) => file.endsWith(".json")).map((file) => path.join(folder, file));
}

export function removeOwnBackend({ projectRoot }: StackOfProject): void {
  rmSync(ownBackend(projectRoot).folder, { recursive: true, force: true });
  rmSync(passphraseFile(projectRoot), { force: true });
}

/** For records and messages. */
function withoutCredentials(url: string): string {
  return url
    .replace(/\/\/[^/@]*@/, "//")
    .replace(/([?&][^=&]*(?:password|secret|token|key)[^=&]*=)[^&]*/gi, "$1[secret]")
    .replace(/\/+$/, "");
}
