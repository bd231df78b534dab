import * as pulumi from "@pulumi/pulumi";
import type { ProgramContext } from "../settings/context";
import type { ClusterSettings } from "../settings/sections/cluster";
import type { Cluster } from "./cluster";
import { EmbeddedCluster } from "./embedded-cluster";
import { ExistingCluster } from "./existing-cluster";

/** Makes, or reaches, the cluster that the settings describe. */
export function cluster(
  settings: ClusterSettings,
  context: ProgramContext,
  secrets: Readonly<Record<string, pulumi.Output<string>>>,
): Cluster {
  switch (settings.kind) {
    case "embedded":
      return new EmbeddedCluster("cluster", { settings, context });
    case "existing":
      return new ExistingCluster("cluster", { settings, context, secrets });
    case "talos":
    case "docker":
      // The settings refuse these by name before anything is made; see components/settings/unbuilt.ts.
      throw new pulumi.RunError(`talos-mesh:cluster.kind: ${settings.kind} is not built in this release`);
  }
}
