import type { StateResource } from "../engine/pulumi-recovery";
import { UserError } from "../../embedded/program/errors";
import { type Registration, runProgram, unwrapSecrets } from "../../embedded/program/run-program";
import { type CommandInputs, runScript } from "../../embedded/engine/commands";
import { commandOf, commandType, machineSecretsOf, partMarker, plainText } from "./state";

export interface DiffRequest {
  readonly projectRoot: string;
  readonly stack: string;
  /** Absolute path of the stack file. */
  readonly configFile: string;
  /** Resources of the stack's state, with their secrets. */
  readonly state: readonly StateResource[];
  /** One node; all without it. */
  readonly hostname?: string;
  /** Over the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface NodeDiff {
  readonly hostname: string;
  /** Talos' own words to a dry run, without secrets; or why there are none. */
  readonly text: string;
  readonly failed: boolean;
}

const scripts = "components/cluster/talos/scripts";

/**
 * What a deployment of the stack file would change in each node's machine config: the program is run with what it would
 * make left out, except for the machine configs, and each node is asked by a dry run. Changes nothing.
 *
 * @throws UserError where the state has no Talos cluster, or the stack file no such node
 */
export async function talosDiff(request: DiffRequest): Promise<readonly NodeDiff[]> {
  const { projectRoot, stack, configFile, state, env } = request;
  const machineSecrets = machineSecretsOf(state);
  const contract = plainText(commandOf(state, "cluster-contract")?.outputs?.stdout);
  const applied = new Map<string, CommandInputs>();

  /** The machine secrets are those of the state: a stack file's own cannot be decrypted here, and need not be. */
  const real = (inputs: CommandInputs): CommandInputs => {
    const [, ...parts] = (inputs.stdin ?? "").split(partMarker);
    return {
      environment: { ...inputs.environment, ...env },
      stdin: [machineSecrets, ...parts].join(partMarker),
    };
  };

  const register = async ({ type, name, inputs }: Registration) => {
    let stdout = "";
    if (type === commandType) {
      const command = unwrapSecrets(inputs) as CommandInputs;
      if (name === "cluster-contract") stdout = contract ?? command.environment?.TALOS_CONTRACT ?? "";
      if (name.startsWith("cluster-config-")) {
        stdout = (await runScript(`exec bash ${scripts}/machine-config.sh`, real(command), { cwd: projectRoot }))
          .stdout;
      }
      if (name.startsWith("cluster-apply-")) applied.set(name.slice("cluster-apply-".length), real(command));
    }
    return { id: name, state: { ...inputs, ...(type === commandType && { stdout, stderr: "" }) } };
  };
  await runProgram({ projectRoot, stack, configFile, host: { register }, log: () => undefined });

  const nodes = [...applied.keys()];
  const { hostname } = request;
  if (hostname !== undefined && !applied.has(hostname)) {
    throw new UserError(`--node ${hostname}: there is no such node. The nodes there are: ${nodes.join(", ")}`);
  }
  return Promise.all(
    [...applied]
      .filter(([name]) => hostname === undefined || name === hostname)
      .map(([name, inputs]) => ask(name, inputs)),
  );

  async function ask(name: string, inputs: CommandInputs): Promise<NodeDiff> {
    try {
      const { stdout } = await runScript(`exec bash ${scripts}/diff.sh`, inputs, { cwd: projectRoot });
      return { hostname: name, text: stdout, failed: false };
    } catch (error) {
      return { hostname: name, text: (error as Error).message, failed: true };
    }
  }
}
