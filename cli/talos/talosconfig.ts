import type { TalosClusterSettings } from "../../components/cluster/kinds";
import type { StateResource } from "../engine/pulumi-recovery";
import { runScript } from "../../embedded/engine/commands";
import { machineSecretsOf } from "./state";

export interface TalosconfigRequest {
  readonly projectRoot: string;
  readonly cluster: TalosClusterSettings;
  /** Resources of the stack's state, with their secrets. */
  readonly state: readonly StateResource[];
  /** Over the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * A talosconfig with a client certificate that is made now, from the machine secrets in the state; it is good for a
 * year. No node is asked.
 *
 * @throws UserError where nothing has been deployed; Error with talosctl's words
 */
export async function talosconfig({ projectRoot, cluster, state, env }: TalosconfigRequest): Promise<string> {
  const controlPlanes = cluster.nodes.filter((node) => node.controlPlane).map(({ ipAddress }) => ipAddress);
  const environment = {
    TALOS_CLUSTER: cluster.name,
    TALOS_CONTRACT: cluster.contract ?? cluster.talosVersion,
    TALOS_CONTROL_PLANES: controlPlanes.join(","),
    ...env,
  };
  const { stdout } = await runScript(
    "exec bash components/cluster/talos/scripts/talosconfig.sh",
    { environment, stdin: machineSecretsOf(state) },
    { cwd: projectRoot },
  );
  return stdout;
}
