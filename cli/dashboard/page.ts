import { grafanaAdmin, grafanaAdminUser } from "../../components/observability/values/grafana";
import type { Settings } from "../../components/settings/schema";
import { addonPages } from "../../components/shared/addons";
import { UserError } from "../../embedded/program/errors";

/** Addons with a page that people look at. */
export const pages = ["kiali", "grafana", "jaeger", "zipkin", "prometheus"] as const;

export type Page = (typeof pages)[number];

/** How people get in. */
export type Login =
  | { readonly kind: "none" }
  | { readonly kind: "password"; readonly user: string; readonly secret: string; readonly key: string }
  /** A token of this service account. */
  | { readonly kind: "token"; readonly serviceAccount: string };

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
 * @throws UserError where the stack has no such addon, or its nodes run none
 */
export function pageOf({ observability, cluster }: Settings, page: Page, stack: string): StackPage {
  const present = observability ? pages.filter((each) => installed(observability, each)) : [];
  if (!observability || !present.includes(page)) {
    const others = present.length > 0 ? `it has ${present.join(", ")}` : "it has no addons";
    throw new UserError(
      `Stack ${stack} has no ${page}: ${others}. ${howToAdd(page)} in its talos-mesh:observability, and deploy it.`,
    );
  }
  if (cluster.kind === "embedded") {
    throw new UserError(
      `Stack ${stack} runs on simulated nodes: ${page} is placed there and ready, but no container runs, so there is nothing to show. ` +
        "A cluster of kind docker, talos or existing has real nodes.",
    );
  }
  const { service, port } = addonPages[page];
  const path = page === "kiali" ? "/kiali" : "/";
  return { page, service, port, path, namespace: observability.namespace, login: loginOf(observability, page) };
}

type Observability = NonNullable<Settings["observability"]>;

function installed(observability: Observability, page: Page): boolean {
  if (page === "jaeger" || page === "zipkin") return observability.tracing?.provider === page;
  return observability[page] !== undefined;
}

function howToAdd(page: Page): string {
  return page === "jaeger" || page === "zipkin" ? `Set tracing: { provider: ${page} }` : `Add ${page}: {}`;
}

function loginOf({ grafana, kiali }: Observability, page: Page): Login {
  if (page === "grafana" && !grafana?.anonymous) {
    return { kind: "password", user: grafanaAdminUser, secret: grafanaAdmin.secret, key: grafanaAdmin.passwordKey };
  }
  if (page === "kiali" && !kiali?.anonymous) return { kind: "token", serviceAccount: "kiali" };
  return { kind: "none" };
}
