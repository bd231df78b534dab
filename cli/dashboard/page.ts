import { clusterTraits } from "../../components/cluster/kinds";
import type { Login } from "../../components/observability/addons/addon";
import { allPages, installedReleases } from "../../components/observability/addons/registry";
import type { Settings } from "../../components/settings/schema";
import { UserError } from "../../components/shared/problem";

/** Names of the addons' pages, as the command line takes them. */
export const pages: readonly string[] = allPages().map(({ name }) => name);

export type Page = string;

/** An addon's page in a stack. */
export interface StackPage {
  readonly page: Page;
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
  /** Path of the page on its server. */
  readonly path: string;
  readonly login: Login;
}

/**
 * An addon's page as the stack's settings have it.
 *
 * @throws UserError where the stack does not have the addon, or its nodes are simulated
 */
export function pageOf({ observability, cluster, mesh }: Settings, page: Page, stack: string): StackPage {
  const installed = installedReleases(observability, mesh.version).filter(({ release }) => release.page);
  const found = installed.find(({ release }) => release.name === page);
  if (!observability || !found?.release.page) {
    const example = allPages().find(({ name }) => name === page)?.page.example ?? "";
    const others =
      installed.length > 0 ? `it has ${installed.map(({ release }) => release.name).join(", ")}` : "it has no addons";
    throw new UserError(
      `Stack ${stack} has no ${page}: ${others}. Add ${example} to its talos-mesh:observability, and deploy it.`,
    );
  }
  if (clusterTraits(cluster).simulatedNodes) {
    throw new UserError(
      `Stack ${stack} has simulated nodes: ${page} is deployed and ready, but no container runs, so there is nothing to show. ` +
        "A cluster of kind docker, talos or existing has real nodes.",
    );
  }
  const { port, path } = found.release.page;
  return {
    page,
    service: found.release.name,
    port,
    path,
    namespace: observability.namespace,
    login: found.release.page.login?.(found.settings) ?? { kind: "none" },
  };
}
