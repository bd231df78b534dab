import * as pulumi from "@pulumi/pulumi";
import type { TalosClusterSettings } from "../../settings/sections/cluster";
import { lifecycleCommand } from "../../shared/lifecycle-command";
import { contractOf } from "./config/contract";

/**
 * The machine-config contract, `v1.7`: the one that is set, or the one of the Talos version that the cluster was first
 * deployed with. It must not follow a later `talosVersion`, because a config of a newer contract changes what the
 * cluster rests on, such as how etcd's secrets are kept.
 *
 * @param known where no state is to be looked at: the contract of `talosVersion`
 */
export function frozenContract(
  name: string,
  settings: TalosClusterSettings,
  known: boolean,
  opts: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
  const now = `v${contractOf(settings)}`;
  if (settings.contract !== undefined || known) return pulumi.output(now);
  // Its stdout stays what the first run printed: the changed input is ignored, so that there is no second run.
  return lifecycleCommand(
    name,
    { apply: 'printf "%s" "$TALOS_CONTRACT"', environment: { TALOS_CONTRACT: now } },
    { ...opts, ignoreChanges: ["environment"] },
  ).stdout;
}
