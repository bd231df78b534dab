import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { ApiServer } from "../../components/shared/kubernetes/api-server";
import { layerOf } from "../../embedded/engine/naming";
import { accessOf, type Deployment } from "./pulumi-state";

/** How a deployment finds out what has changed outside since the last one. */
export interface Comparison {
  /** Whether the state is first compared with the cluster: what is gone is then made anew, what was changed set back. */
  readonly refresh: boolean;
  /** URNs of the embedded cluster where it does not answer: it must be brought back before anything in it can be seen. */
  readonly clusterFirst: readonly string[];
  /** What a person should know of it. */
  readonly note?: string;
}

/** The provider fails a refresh of a cluster that does not answer, so that is looked at before. */
export async function comparisonOf(stack: Stack): Promise<Comparison> {
  const { deployment } = (await stack.exportStack()) as { deployment: Deployment | null };
  const access = accessOf(deployment);
  if (access === undefined) return { refresh: false, clusterFirst: [] };
  const server = await ApiServer.open(access).catch(() => undefined);
  if (server !== undefined && (await server.answers())) return { refresh: true, clusterFirst: [] };
  const cluster = (deployment?.resources ?? []).filter(({ urn }) => layerOf(urn) === "cluster");
  const embedded = cluster.some(({ type }) => type === "talos-mesh:cluster:EmbeddedCluster");
  if (embedded) return { refresh: true, clusterFirst: cluster.map(({ urn }) => urn) };
  return {
    refresh: false,
    clusterFirst: [],
    note: "The cluster does not answer, so what others have changed in it is not looked for.",
  };
}
