import type { Login } from "../../components/observability/addons/addon";
import { clusterTraits } from "../../components/cluster/kinds";
import { allPages, installedReleases } from "../../components/observability/addons/registry";
import type { Settings } from "../../components/settings/schema";
import { UserError } from "../../components/shared/problem";

export const pages: readonly string[] = allPages().map(({ name }) => name);

export type StackPage = Readonly<ReturnType<typeof pageOf>>;

/** Where the page of an addon is in the stack's cluster; `path` is its path on the server. */
export function pageOf({ observability, cluster, mesh }: Settings, page: string, stack: string) {
  const installed = installedReleases(observability, mesh.version).filter(({ release }) => release.page);
  const found = installed.find(({ release }) => release.name === page);
  if (!observability || !found?.release.page) {
    const example = allPages().find(({ name }) => name === page)?.page.example ?? "";
    const names = installed.map(({ release }) => release.name).join(", ") || "no addons";
    throw new UserError(
      `Stack ${stack} has no ${page}: it has ${names}. Add ${example} to its talos-mesh:observability, and deploy it.`,
    );
  }
  if (clusterTraits(cluster).simulatedNodes) {
    throw new UserError(
      `Stack ${stack} has simulated nodes: ${page} is deployed and ready, but no container runs, so there is nothing to show. ` +
        "A cluster of kind docker, talos or existing has real nodes.",
    );
  }
  const { port, path } = found.release.page;
  const login: Login = found.release.page.login?.(found.settings) ?? { kind: "none" };
  return { page, service: page, port, path, namespace: observability.namespace, login };
}
