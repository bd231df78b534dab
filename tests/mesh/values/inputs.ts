import type { MeshValuesInput } from "../../../components/mesh/values/common-values";
import { settingsSchema, type SettingsInput } from "../../../components/settings/schema";
import { versions } from "../../../components/settings/versions";

type MeshInput = Partial<SettingsInput["mesh"]>;

/** A mesh on Talos of the pinned Istio, with nothing else said but what is given. */
export function meshInput(mesh: MeshInput = {}, cluster: Partial<MeshValuesInput["cluster"]> = {}): MeshValuesInput {
  const sections = settingsSchema.shape;
  return {
    mesh: sections.mesh.parse({ version: versions.istio, ...mesh }),
    images: sections.images.parse({}),
    cluster: { simulatedNodes: false, talos: true, talosVersion: "v1.13.9", ...cluster },
  };
}

/** The value at a path such as `global.hub`, undefined where there is none. */
export function at(values: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], values);
}
