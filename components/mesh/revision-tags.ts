import type * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { type ChartSource, helmRelease } from "../shared/helm-release";
import { rootNamespace } from "../shared/istio";
import type { ClusterFacts } from "./values/input";

/** A chart of the project's own; why, it says itself. */
const ownCharts: ChartSource = { kind: "folder", path: "./components/mesh/charts", standIn: false };

export interface RevisionTagArgs {
  readonly tag: string;
  /** The revision it stands for. */
  readonly revision: string;
  readonly cluster: Pick<ClusterFacts, "simulatedNodes">;
}

/** A name under which namespaces ask for a control plane, so that an upgrade moves them all by moving the name. */
export function revisionTag(
  name: string,
  { tag, revision, cluster }: RevisionTagArgs,
  opts: pulumi.CustomResourceOptions,
): kubernetes.helm.v3.Release {
  return helmRelease(
    name,
    {
      chart: "revision-tag",
      release: `istio-tag-${tag}`,
      version: "1.0.0",
      source: ownCharts,
      namespace: rootNamespace,
      values: { tag, revision, webhooks: !cluster.simulatedNodes },
    },
    opts,
  );
}
