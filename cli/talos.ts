import type { TalosClusterSettings } from "../components/cluster/kinds";
import { partMarker, stepCommand, type TalosStepName } from "../components/cluster/talos/steps";
import { type CommandInputs, runScript } from "../embedded/engine/commands";
import { UserError } from "../components/shared/problem";
import { commandType } from "../embedded/engine/naming";
import { type Registration, runProgram, unwrapSecrets } from "../embedded/program/run-program";
import { openStack, type StackChoice } from "./stack-option";
import { queryStack } from "./engine/pulumi-cli";
import { type Deployment, plainString, type StateResource } from "./engine/pulumi-recovery";

/** `talos:config` and `talos:diff`: they run scripts of components/cluster/talos with the secrets of a deployed stack. */

export async function outputOf(
  step: TalosStepName,
  inputs: CommandInputs,
  projectRoot: string,
  signal?: AbortSignal,
): Promise<string> {
  return (await runScript(stepCommand(step), inputs, { cwd: projectRoot, signal })).stdout;
}

/**
 * The stack that the options name, with the resources of its deployment and their secrets.
 * @param feature what only a cluster of kind talos has @param purpose begins the message where there is no CLI
 */
export async function openTalosStack(given: Parameters<typeof openStack>[0], feature: string, purpose: string) {
  const opened = openStack(given);
  const { cluster } = opened.settings;
  if (cluster.kind !== "talos") {
    throw new UserError(`--stack ${opened.stack}: cluster.kind is ${cluster.kind}; only talos has ${feature}.`);
  }
  const text = await queryStack(opened, ["export", "--show-secrets"], purpose);
  const { deployment } = JSON.parse(text) as { deployment?: Deployment | null };
  return { ...opened, cluster, state: deployment?.resources ?? [] };
}

/** The machine secrets of the cluster: the first part of the stdin of its steps, or the output of the one that created them. */
export function machineSecretsOf(state: readonly StateResource[]): string {
  const step = state.find(({ type, urn }) => type === commandType && /::cluster-(health$|apply-|config-)/.test(urn));
  const created = commandNamed(state, "cluster-machine-secrets")?.outputs?.stdout;
  const [secrets] = (plainString(step?.inputs?.stdin) ?? plainString(created) ?? "").split(partMarker);
  if (!secrets) throw new UserError("No Talos cluster has been deployed with this stack yet.");
  return `${secrets.replace(/\n$/, "")}\n`;
}

function commandNamed(state: readonly StateResource[], name: string): StateResource | undefined {
  return state.find(({ type, urn }) => type === commandType && urn.endsWith(`::${name}`));
}

interface TalosRequest {
  readonly projectRoot: string;
  /** With its secrets. */
  readonly state: readonly StateResource[];
  /** Overrides the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A talosconfig with a new client certificate, signed with the machine secrets in the state and valid for a year. */
export async function talosconfig(request: TalosRequest & { readonly cluster: TalosClusterSettings }): Promise<string> {
  const { projectRoot, state, env, cluster } = request;
  const controlPlanes = cluster.nodes.filter((node) => node.controlPlane);
  const addresses = (each: (typeof controlPlanes)[number]) => [each.ipAddress, ...each.additionalAddresses];
  const environment = {
    TALOS_CLUSTER: cluster.name,
    TALOS_CONTRACT: cluster.contract ?? cluster.talosVersion,
    TALOS_CONTROL_PLANES: controlPlanes.flatMap(addresses).join(","),
    ...env,
  };
  return outputOf("talosconfig", { environment, stdin: machineSecretsOf(state) }, projectRoot);
}

/**
 * What a deployment of the stack file would change in the machine config of each node, or of the one with this hostname.
 * The program runs without creating anything, except for the machine configs, and each node answers with the result of a
 * dry run. Changes nothing.
 */
export async function talosDiff(
  request: TalosRequest & StackChoice & { readonly hostname?: string },
): Promise<{ readonly hostname: string; readonly text: string; readonly failed: boolean }[]> {
  const { projectRoot, stack, configFile, state, hostname, env } = request;
  const machineSecrets = machineSecretsOf(state);
  const contract = plainString(commandNamed(state, "cluster-contract")?.outputs?.stdout);
  const applied = new Map<string, CommandInputs>();

  /** The machine secrets of the state replace those of the stack file, which cannot be decrypted here. */
  const withSecrets = (inputs: CommandInputs): CommandInputs => {
    const [, ...parts] = (inputs.stdin ?? "").split(partMarker);
    return { environment: { ...inputs.environment, ...env }, stdin: [machineSecrets, ...parts].join(partMarker) };
  };

  const register = async ({ type, name, inputs }: Registration) => {
    if (type !== commandType) return { id: name, state: { ...inputs } };
    const command = unwrapSecrets(inputs) as CommandInputs;
    let stdout = "";
    if (name === "cluster-contract") stdout = contract ?? command.environment?.TALOS_CONTRACT ?? "";
    if (name.startsWith("cluster-config-")) {
      stdout = await outputOf("machine-config", withSecrets(command), projectRoot);
    }
    if (name.startsWith("cluster-apply-")) applied.set(name.slice("cluster-apply-".length), withSecrets(command));
    return { id: name, state: { ...inputs, stdout, stderr: "" } };
  };
  await runProgram({ projectRoot, stack, configFile, host: { register }, onWarning: () => undefined });

  if (hostname !== undefined && !applied.has(hostname)) {
    throw new UserError(`--node ${hostname}: there is no such node. The nodes are: ${[...applied.keys()].join(", ")}`);
  }
  const nodes = [...applied].filter(([name]) => hostname === undefined || name === hostname);
  return Promise.all(
    nodes.map(async ([name, inputs]) => {
      try {
        return { hostname: name, text: await outputOf("diff", inputs, projectRoot), failed: false };
      } catch (error) {
        return { hostname: name, text: (error as Error).message, failed: true };
      }
    }),
  );
}
