import { z } from "zod";
import { knownFields } from "../../shared/unknown";
import { docker, type DockerClusterSettings, dockerSettings } from "./docker";
import { embedded, type EmbeddedClusterSettings, embeddedSettings } from "./embedded";
import { existing, type ExistingClusterSettings, existingSettings } from "./existing";
import type { ClusterKind, ClusterTraits } from "./cluster-kind";
import { talos, type TalosClusterSettings, talosSettings } from "./talos";

export type { DockerClusterSettings, EmbeddedClusterSettings, ExistingClusterSettings, TalosClusterSettings };
export type { ClusterStack, ClusterTraits } from "./cluster-kind";

export type ClusterSettings =
  EmbeddedClusterSettings | TalosClusterSettings | DockerClusterSettings | ExistingClusterSettings;

/** Every kind of cluster. A new one is a file of this folder, named here, and a component in components/cluster/index.ts. */
export const clusterKinds: Readonly<Record<ClusterSettings["kind"], ClusterKind<ClusterSettings>>> = {
  embedded,
  talos,
  docker,
  existing,
};

export const clusterSettings = z.discriminatedUnion(
  "kind",
  [embeddedSettings, talosSettings, dockerSettings, existingSettings],
  {
    error: ({ code }) =>
      code === "invalid_union" ? `expected one of: ${Object.keys(clusterKinds).join(", ")}` : undefined,
  },
);

export function kindOf({ kind }: ClusterSettings): ClusterKind<ClusterSettings> {
  return clusterKinds[kind];
}

export function clusterTraits(settings: ClusterSettings): ClusterTraits {
  return knownFields(kindOf(settings).traits(settings));
}
