import { existsSync } from "node:fs";
import type { ClusterAccess } from "../../components/shared/kubernetes/api-server";
import type { Settings } from "../../components/settings/schema";
import { clusterFiles } from "../../embedded/cluster/files";
import { UserError } from "../../embedded/program/errors";
import { queryStack } from "./pulumi-query";
import type { StackOfProject } from "./engine";

/**
 * What reaches a deployed stack's cluster, whichever engine has deployed it: an embedded cluster keeps its kubeconfig in
 * the project, any other's is an output of the stack.
 *
 * @param reason who asks, for the message where it cannot be had
 * @throws UserError
 */
export async function clusterAccess(
  of: StackOfProject,
  { cluster }: Pick<Settings, "cluster">,
  reason: string,
): Promise<ClusterAccess> {
  if (cluster.kind === "embedded") {
    const { kubeconfig } = clusterFiles(of.projectRoot, of.stack);
    if (!existsSync(kubeconfig)) throw new UserError(`${reason}: the stack ${of.stack} is not deployed.`);
    return { kubeconfig };
  }
  const kubeconfig = await queryStack(of, ["output", "kubeconfig", "--show-secrets"], reason);
  return { kubeconfig, context: cluster.kind === "existing" ? cluster.kubeconfig.context : undefined };
}
