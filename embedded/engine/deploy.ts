import { existsSync, readFileSync } from "node:fs";
import type { EngineRun, StackOfProject } from "../../cli/engine/engine";
import { ApiServer } from "../../components/shared/kubernetes/api-server";
import { clusterFiles } from "../cluster/files";
import { runProgram } from "../program/run-program";
import { redactSecrets } from "../program/secrets";
import { readStackConfig } from "../../components/settings/stack-file";
import { UserError } from "../../components/shared/problem";
import { EmbeddedHost } from "./host";
import { prune } from "./prune";
import { Records } from "./records";
import { Helm } from "./releases";
import { stackFolder, withStackLock } from "./stack-folder";

/**
 * Brings the embedded cluster to what the stack's program registers: applies all of it, then deletes what an earlier run
 * deployed and this one did not register. What is needed to continue is in the cluster (Secrets and labels); the stack
 * folder has the kubeconfig, locks and the choice of engine. Returns the program's outputs, secrets as `[secret]`.
 */
export async function deployStack(
  options: Omit<EngineRun, "yes"> & { readonly main?: string },
): Promise<Record<string, unknown>> {
  const { projectRoot, stack, signal, observer } = options;
  return withStackLock(stackFolder(projectRoot, stack), async () => {
    const { kubeconfig } = clusterFiles(projectRoot, stack);
    Helm.killLeftoverProcesses(kubeconfig);
    const records = (await connectToStack(options))?.records ?? new Records(stack);
    const host = new EmbeddedHost({ ...options, records, kubeconfig });
    const onWarning = (message: string) => observer.note(message);
    const program = { ...options, host, secretValue: refuseEncryptedValue, onWarning };
    const { outputs, registrations } = await runProgram(program);
    signal?.throwIfAborted();
    await prune(host.registered, { ...options, records, server: host.server, helm: () => host.helm() });
    const shown = redactSecrets(outputs) as Record<string, unknown>;
    await records.change((content) => (content.run = { outputs: shown, urns: registrations.map(({ urn }) => urn) }));
    return shown;
  });
}

/** The stack's embedded cluster and the records in it; undefined where there is none, or it does not respond. */
export async function connectToStack({ projectRoot, stack, signal }: StackOfProject & Pick<EngineRun, "signal">) {
  const { kubeconfig } = clusterFiles(projectRoot, stack);
  if (!existsSync(kubeconfig)) return undefined;
  const server = await ApiServer.open({ kubeconfig: readFileSync(kubeconfig, "utf8") });
  if (!(await server.answers())) return undefined;
  const records = new Records(stack);
  await records.read(server, signal);
  return { server, records };
}

/** Refuses stacks that this engine must not deploy. Validation has accepted the stack file. */
export function refuseUnsupportedStack(run: Pick<EngineRun, "projectRoot" | "stack" | "configFile">): void {
  const { projectRoot, stack, configFile } = run;
  const { values } = readStackConfig(projectRoot, configFile, refuseEncryptedValue);
  const { "talos-mesh:environment": environment = "dev", "talos-mesh:cluster": cluster = "{}" } = values;
  if (environment !== "dev") {
    throw pulumiCliRequired(`The stack "${stack}" is a ${environment} environment; deploying one`);
  }
  const { kind = "embedded" } = JSON.parse(cluster) as { kind?: string };
  if (kind !== "embedded") throw pulumiCliRequired(`A cluster of kind ${kind}`);
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
