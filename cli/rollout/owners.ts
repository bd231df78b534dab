import { ApiError } from "../../components/shared/kubernetes/api-server";
import { UserError } from "../../components/shared/problem";

interface Item {
  readonly metadata?: { readonly name?: string };
  readonly spec?: {
    readonly targetRef?: { readonly name?: string };
    readonly service?: { readonly name?: string };
    readonly strategy?: { readonly canary?: { readonly canaryService?: string; readonly stableService?: string } };
  };
}

/** Controllers that shift weights themselves, and how an object of theirs names the service. */
const owners: readonly {
  readonly title: string;
  readonly path: (namespace: string) => string;
  readonly servicesOf: (item: Item) => readonly (string | undefined)[];
}[] = [
  {
    title: "Argo Rollouts",
    path: (namespace) => `/apis/argoproj.io/v1alpha1/namespaces/${namespace}/rollouts`,
    servicesOf: ({ metadata, spec }) => {
      const { canaryService, stableService } = spec?.strategy?.canary ?? {};
      return [metadata?.name, canaryService, stableService];
    },
  },
  {
    title: "Flagger",
    path: (namespace) => `/apis/flagger.app/v1beta1/namespaces/${namespace}/canaries`,
    servicesOf: ({ metadata, spec }) => [spec?.service?.name ?? spec?.targetRef?.name ?? metadata?.name],
  },
];

/**
 * Two controllers that shift the weights of a service undo each other's steps.
 *
 * @param read gets a path of the API server
 * @throws UserError where another one has this service
 */
export async function refuseOtherOwners(
  read: (path: string) => Promise<unknown>,
  { name, namespace }: { readonly name: string; readonly namespace: string },
): Promise<void> {
  for (const { title, path, servicesOf } of owners) {
    const found = (await read(path(namespace)).catch((error: unknown) => {
      // The cluster does not have it, or does not let us see it.
      if (error instanceof ApiError && (error.status === 404 || error.status === 403)) return {};
      throw error;
    })) as { readonly items?: readonly Item[] };
    const owner = (found.items ?? []).find((item) => servicesOf(item).includes(name));
    if (!owner) continue;
    throw new UserError(
      `rollout: ${title} shifts the requests of ${namespace}/${name} (${owner.metadata?.name ?? ""}), and the two would undo each ` +
        `other's steps. Let ${title} do it, and leave the weights of ${name} out of talos-mesh:traffic: docs/policies.md, "Rollouts".`,
    );
  }
}
