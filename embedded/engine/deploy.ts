import { existsSync, readFileSync, rmSync } from "node:fs";
import type { EngineRun, StackOfProject } from "../../cli/engine/engine";
import { ApiServer } from "../../components/shared/kubernetes/api-server";
import { deleteCluster } from "../cluster/delete";
import { clusterFiles } from "../cluster/files";
import { clusterStatus } from "../cluster/status";
import { runProgram } from "../program/run-program";
import { redactSecrets } from "../program/secrets";
import { readStackConfig } from "../../components/settings/stack-file";
import { messageOf, UserError } from "../../components/shared/problem";
import { EmbeddedHost } from "./host";
import { listOwned, prune } from "./prune";
import { Records } from "./records";
import { Helm } from "./releases";
import { removeEmptyFolders, stackFolder, withStackLock } from "./stack-folder";

interface DeployOptions extends Omit<EngineRun, "yes"> {
  readonly main?: string;
}

/**
 * Brings the embedded cluster to what the stack's program registers: applies all of it, then deletes what an earlier run
 * deployed and this one did not register. All state is in the cluster, so that a run that was killed is continued by the
 * next one. Returns the program's outputs, secrets as `[secret]`.
 */
export async function deployStack(options: DeployOptions): Promise<Record<string, unknown>> {
  const { projectRoot, stack, configFile, main, signal, observer } = options;
  return withStackLock(stackFolder(projectRoot, stack), async () => {
    const { kubeconfig } = clusterFiles(projectRoot, stack);
    Helm.killLeftoverProcesses(kubeconfig);
    const records = (await connectToStack(options))?.records ?? new Records(stack);
    const { helm: helmFolder } = stackFolder(projectRoot, stack);
    const host = new EmbeddedHost({ ...options, records, kubeconfig, helmFolder });
    const onWarning = (message: string) => observer.note(message);
    const program = { projectRoot, stack, configFile, host, main, secretValue: refuseEncryptedValue, onWarning };
    const { outputs, registrations } = await runProgram(program);
    signal?.throwIfAborted();
    await prune(host.registered, { ...options, records, server: host.server, helm: () => host.helm() });
    const shown = redactSecrets(outputs) as Record<string, unknown>;
    await records.change((content) => (content.run = { outputs: shown, urns: registrations.map(({ urn }) => urn) }));
    return shown;
  });
}

/** Deletes the cluster, with all that is in it, and the stack's folder; false when there was nothing. */
export async function destroyStack(run: Omit<EngineRun, "configFile" | "yes">): Promise<boolean> {
  const { projectRoot, stack, observer } = run;
  const files = stackFolder(projectRoot, stack);
  const { state, name } = await clusterStatus(projectRoot, stack);
  if (state === "absent" && !existsSync(files.folder)) return false;
  await withStackLock(files, async () => {
    if (state === "absent") return;
    const found = await connectToStack(run);
    const inside = found === undefined ? [] : await listOwned(found.server, stack, found.records);
    const item = { layer: "cluster", label: `Cluster ${name ?? ""}`.trim() };
    observer.started(item);
    try {
      await deleteCluster(projectRoot, stack, (line) => observer.progressed(item, line));
    } catch (error) {
      observer.failed(item, messageOf(error));
      throw error;
    }
    observer.finished(item, "deleted");
    for (const each of inside.sort((a, b) => a.layer.localeCompare(b.layer))) {
      observer.started(each);
      observer.finished(each, "deleted");
    }
  });
  rmSync(files.folder, { recursive: true, force: true });
  removeEmptyFolders(files);
  return state !== "absent";
}

/** The stack's embedded cluster and the records in it; undefined where there is none, or it does not respond. */
export async function connectToStack({
  projectRoot,
  stack,
  signal,
}: StackOfProject & Pick<EngineRun, "signal">): Promise<{ server: ApiServer; records: Records } | undefined> {
  const { kubeconfig } = clusterFiles(projectRoot, stack);
  if (!existsSync(kubeconfig)) return undefined;
  const server = await ApiServer.open({ kubeconfig: readFileSync(kubeconfig, "utf8") });
  if (!(await server.answers())) return undefined;
  const records = new Records(stack);
  await records.read(server, signal);
  return { server, records };
}

/** Refuses stacks that this engine must not deploy. The program validates all other settings, in one message. */
export function refuseUnsupportedStack({
  projectRoot,
  stack,
  configFile,
}: StackOfProject & Pick<EngineRun, "configFile">): void {
  const { values } = readStackConfig(projectRoot, configFile, refuseEncryptedValue);
  const environment = values["talos-mesh:environment"];
  if (environment !== undefined && environment !== "dev") {
    throw pulumiCliRequired(`The stack "${stack}" is a ${environment} environment; deploying one`);
  }
  const kind = clusterKind(values["talos-mesh:cluster"]);
  if (kind !== undefined && kind !== "embedded") throw pulumiCliRequired(`A cluster of kind ${kind}`);
}

/** Only the CLI can decrypt the secrets of a stack file. */
export function refuseEncryptedValue(name: string): never {
  throw pulumiCliRequired(`${name} is encrypted; reading it`);
}

function pulumiCliRequired(what: string): UserError {
  return new UserError(
    `${what} needs the Pulumi CLI, which keeps state and secrets safely. ` +
      "Install it (https://www.pulumi.com/docs/install/) and run this again.",
  );
}

/** The validation reports settings that have none. */
function clusterKind(text: string | undefined): string | undefined {
  try {
    const { kind } = JSON.parse(text ?? "") as { kind?: unknown };
    return typeof kind === "string" ? kind : undefined;
  } catch {
    return undefined;
  }
}
