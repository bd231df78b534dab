import { z } from "zod";
import { docker, type DockerClusterSettings, dockerSettings } from "./docker";
import { embedded, type EmbeddedClusterSettings, embeddedSettings } from "./embedded";
import { existing, type ExistingClusterSettings, existingSettings } from "./existing";
import type { ClusterKind, ClusterTraits } from "./kind";
import { talos, type TalosClusterSettings, talosSettings } from "./talos";

export type { DockerClusterSettings, EmbeddedClusterSettings, ExistingClusterSettings, TalosClusterSettings };
export type { ClusterTraits, Environment } from "./kind";

/** Every kind of cluster. A new one is a file of this folder, named here, and a component in components/cluster/index.ts. */
export const clusterKinds = { embedded, talos, docker, existing };

/** `talos-mesh:cluster` */
export const clusterSettings = z.discriminatedUnion(
  "kind",
  [embeddedSettings, talosSettings, dockerSettings, existingSettings],
  {
    error: ({ code }) =>
      code === "invalid_union" ? `expected one of: ${Object.keys(clusterKinds).join(", ")}` : undefined,
  },
);

export type ClusterSettings = z.output<typeof clusterSettings>;

export function kindOf(settings: ClusterSettings): ClusterKind<ClusterSettings> {
  return clusterKinds[settings.kind];
}

export function clusterTraits(settings: ClusterSettings): ClusterTraits {
  return kindOf(settings).traits(settings);
}
