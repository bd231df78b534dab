import type * as pulumi from "@pulumi/pulumi";
import type { ProgramContext } from "../settings/context";
import type { Settings } from "../settings/schema";
import type { Cluster } from "./cluster";
import { DockerCluster } from "./docker-cluster";
import { EmbeddedCluster } from "./embedded-cluster";
import { ExistingCluster } from "./existing-cluster";
import { TalosCluster } from "./talos-cluster";

/** Makes, or reaches, the cluster that the settings describe. */
export function cluster(
  { cluster: settings, environment, charts }: Pick<Settings, "cluster" | "environment" | "charts">,
  context: ProgramContext,
  secrets: Readonly<Record<string, pulumi.Output<string>>>,
): Cluster {
  switch (settings.kind) {
    case "embedded":
      return new EmbeddedCluster("cluster", { settings, charts, context });
    case "existing":
      return new ExistingCluster("cluster", { settings, context, secrets });
    case "talos":
      return new TalosCluster("cluster", { settings, environment, context, secrets });
    case "docker":
      return new DockerCluster("cluster", { settings, context });
  }
}
