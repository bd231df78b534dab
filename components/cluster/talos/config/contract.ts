import type { TalosClusterSettings } from "../../../settings/sections/cluster";
import { compareMinor, minorOf } from "../../../settings/versions";

/** Minor version of Talos whose form of machine config is written: `1.12`. */
export type Contract = string;

/** The contract that was frozen, or that of the Talos version. */
export function contractOf(settings: Pick<TalosClusterSettings, "contract" | "talosVersion">): Contract {
  return minorOf(settings.contract ?? settings.talosVersion);
}

export function atLeast(contract: Contract, minor: Contract): boolean {
  return compareMinor(contract, minor) >= 0;
}

/** From here on configs have several documents, and talosctl refuses RFC 6902 patches for those. */
export function takesJsonPatches(contract: Contract): boolean {
  return !atLeast(contract, "1.12");
}
