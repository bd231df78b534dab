import { addonPages, addonUrl } from "../../shared/addons";
import type { HelmValues } from "../../shared/helm-release";
import { rootNamespace } from "../../shared/istio";
import type { ObservabilitySettings } from "../../settings/sections/observability";
import { compareMinor, kialiImage } from "../../settings/versions";
import { grafanaAdmin, grafanaAdminUser } from "./grafana";
import { type AddonValuesInput, repositoryAndTag, type Section } from "./input";

/** The Secret that Kiali signs its sessions with. The key has the name of the file that Kiali looks for. */
export const kialiSigningKey = { secret: "kiali-signing-key", key: "value.txt" } as const;

/** Jaeger's gRPC port for queries. */
const jaegerQueryPort = 16685;

/**
 * Kiali by its makers' chart, in the version that goes with Istio's. It only looks: what it could change belongs to
 * this program, and the next run would change it back.
 */
export function kialiValues(
  kiali: Section<"kiali">,
  { observability, image, pullSecrets }: AddonValuesInput,
  version: string,
): HelmValues {
  const { repository, tag } = repositoryAndTag(image(`${kialiImage}:v${version}`));
  return {
    auth: { strategy: kiali.anonymous ? "anonymous" : "token" },
    deployment: {
      image_name: repository,
      image_version: tag,
      image_pull_policy: "IfNotPresent",
      ...(pullSecrets.length > 0 && { image_pull_secrets: pullSecrets }),
      view_only_mode: true,
      ingress: { enabled: false },
      ...(kiali.resources && { resources: kiali.resources }),
      ...(!mountsSecrets(version) && {
        custom_secrets: [{ name: kialiSigningKey.secret, mount: "/kiali-override-secrets/login-token-signing-key" }],
      }),
    },
    login_token: { signing_key: reference(kialiSigningKey.secret, kialiSigningKey.key) },
    external_services: {
      istio: { root_namespace: rootNamespace },
      prometheus: { url: addonUrl("prometheus", observability.namespace) },
      grafana: grafana(observability, version),
      tracing: tracing(observability, version),
    },
    server: { port: addonPages.kiali.port },
  };
}

function reference(secret: string, key: string): string {
  return `secret:${secret}:${key}`;
}

/** Whether the chart mounts what is given as `secret:NAME:KEY`; those of old mount what they are told where to. */
function mountsSecrets(version: string): boolean {
  return compareMinor(version, "2.21") >= 0;
}

/** Kiali 2.0 gave these two new names. */
function urls(version: string, internal: string, external: string | undefined): HelmValues {
  const [inside, outside] =
    compareMinor(version, "2.0") < 0 ? ["in_cluster_url", "url"] : ["internal_url", "external_url"];
  return { [inside]: internal, ...(external && { [outside]: external }) };
}

/**
 * Kiali only links to Grafana, which it can do once it knows where people reach it. To find out which dashboards there
 * are it needs a login, except where everybody may look.
 */
function grafana({ namespace, grafana: settings }: ObservabilitySettings, version: string): HelmValues {
  if (settings?.url === undefined) return { enabled: false };
  if (!settings.anonymous && !mountsSecrets(version)) return { enabled: false };
  return {
    enabled: true,
    ...urls(version, addonUrl("grafana", namespace), settings.url),
    ...(!settings.anonymous && {
      auth: {
        type: "basic",
        username: grafanaAdminUser,
        password: reference(grafanaAdmin.secret, grafanaAdmin.passwordKey),
      },
    }),
  };
}

/** Kiali reads traces from Jaeger (or Tempo), and from no Zipkin. */
function tracing({ namespace, tracing: settings }: ObservabilitySettings, version: string): HelmValues {
  if (settings?.provider !== "jaeger") return { enabled: false };
  return {
    enabled: true,
    provider: "jaeger",
    use_grpc: true,
    ...urls(version, addonUrl("jaeger", namespace, jaegerQueryPort), settings.url),
  };
}
