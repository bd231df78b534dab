import { readFileSync } from "node:fs";
import path from "node:path";

/**
 * When a step of an earlier run found that a node had lost its config, for the input of the node's `apply`: a new time
 * makes the step run again. Written by `note_wiped` of scripts/lib/talosctl.sh, under the project's folder; it stays there,
 * so that later runs have the same input.
 */
export function wipedAt(projectRoot: string, address: string): { readonly TALOS_WIPED?: string } {
  try {
    return { TALOS_WIPED: readFileSync(path.join(projectRoot, ".talos-mesh/wiped", address), "utf8").trim() };
  } catch {
    return {};
  }
}
