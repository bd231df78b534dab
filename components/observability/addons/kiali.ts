import { z } from "zod";
import { secretRef } from "../../settings/fields";
import { resources } from "../../settings/quantities";
import { compareMinor, istioReleases, minorOf } from "../../settings/versions";
import type { HelmValues } from "../../shared/helm-release";
import { rootNamespace } from "../../shared/istio";
import {
  anonymousRefusal,
  type Chart,
  defineAddon,
  exposure,
  repositoryAndTag,
  serviceUrl,
  type SettingsOf,
  valuesIn,
} from "./addon";
import { grafana, grafanaLogin, grafanaService } from "./grafana";
import { needsPrometheus, prometheusService } from "./prometheus";
import { jaegerService, tracing } from "./tracing";

const kialiService = { name: "kiali", port: 20001 } as const;

/** The key that Kiali signs sessions with. Kiali looks for a file with the name of the key. */
const signingKey = { secret: "kiali-signing-key", key: "value.txt" } as const;

const jaegerQueryPort = 16685;

const settings = z.strictObject({
  signingKey: secretRef.optional().describe("16, 24 or 32 bytes. Default: generated once and kept in the state."),
  anonymous: z.boolean().default(false).describe("Read access without a login; dev only."),
  expose: exposure.optional(),
  resources: resources.optional(),
});

export const kiali = defineAddon({
  name: "kiali",
  settings,
  releases: [
    {
      name: kialiService.name,
      page: {
        port: kialiService.port,
        path: "/kiali",
        example: "kiali: {}",
        login: ({ anonymous }) => (anonymous ? { kind: "none" } : { kind: "token", serviceAccount: kialiService.name }),
      },
      chart: kialiChart,
      values: (settings, context) => {
        const { namespace, mesh, image, settingsOf } = context;
        const { version, images } = kialiChart(mesh.version);
        return valuesIn("kiali.yaml", settings, context, {
          strategy: settings.anonymous ? "anonymous" : "token",
          ...repositoryAndTag(image(images.server)),
          customSecrets: mountsSecrets(version)
            ? undefined
            : [{ name: signingKey.secret, mount: "/kiali-override-secrets/login-token-signing-key" }],
          signingKey: `secret:${signingKey.secret}:${signingKey.key}`,
          rootNamespace,
          // Until 2.13 the chart's default is the namespace of Kiali itself.
          istioNamespace: compareMinor(version, "2.14") < 0 ? rootNamespace : undefined,
          prometheus: serviceUrl(prometheusService, namespace),
          grafana: grafanaValues(settingsOf, namespace, version),
          tracing: tracingValues(settingsOf, namespace, version),
          port: kialiService.port,
        });
      },
    },
  ],
  secrets: [
    {
      name: signingKey.secret,
      key: signingKey.key,
      field: "signingKey",
      generated: "kiali-key",
      refuses: (value) => {
        const length = Buffer.byteLength(value);
        return [16, 24, 32].includes(length)
          ? undefined
          : `the secret has ${length} bytes; Kiali takes 16, 24 or 32, and does not start with another key`;
      },
    },
  ],
  // Its pod mounts Grafana's login where it logs in there.
  mountsSecretsOf: [grafana],
  checks: [needsPrometheus, anonymousRefusal],
  notes: (_, settingsOf) =>
    settingsOf(tracing)?.provider === "zipkin"
      ? [
          "Kiali shows no traces: it reads traces from Jaeger, not from Zipkin. They are on Zipkin's own page; with observability.tracing.provider jaeger Kiali shows them.",
        ]
      : [],
});

/** The version that goes with Istio's; the image has the version of the chart. */
function kialiChart(istioVersion: string) {
  const version = istioReleases.get(minorOf(istioVersion))?.kiali;
  if (version === undefined) throw new Error(`no Kiali is known to go with Istio ${istioVersion}`);
  return {
    name: "kiali-server",
    product: "Kiali",
    version,
    repository: "https://kiali.org/helm-charts",
    images: { server: `quay.io/kiali/kiali:v${version}` },
  } as const satisfies Chart;
}

/** Whether the chart mounts the Secret of a value `secret:NAME:KEY`; older charts need a mount in their values. */
function mountsSecrets(version: string): boolean {
  return compareMinor(version, "2.21") >= 0;
}

/** Kiali 2.0 renamed both keys. */
function urls(version: string, internal: string, external: string | undefined): HelmValues {
  const [inside, outside] =
    compareMinor(version, "2.0") < 0 ? ["in_cluster_url", "url"] : ["internal_url", "external_url"];
  return { [inside]: internal, ...(external && { [outside]: external }) };
}

/**
 * Kiali links to Grafana, for which it needs Grafana's address for people. To find the dashboards it needs a login, unless
 * Grafana is anonymous.
 */
function grafanaValues(settingsOf: SettingsOf, namespace: string, version: string): HelmValues {
  const settings = settingsOf(grafana);
  if (settings?.url === undefined) return { enabled: false };
  if (!settings.anonymous && !mountsSecrets(version)) return { enabled: false };
  return {
    enabled: true,
    ...urls(version, serviceUrl(grafanaService, namespace), settings.url),
    ...(!settings.anonymous && {
      auth: {
        type: "basic",
        username: grafanaLogin.user,
        password: `secret:${grafanaLogin.secret}:${grafanaLogin.passwordKey}`,
      },
    }),
  };
}

function tracingValues(settingsOf: SettingsOf, namespace: string, version: string): HelmValues {
  const settings = settingsOf(tracing);
  if (settings?.provider !== "jaeger") return { enabled: false };
  return {
    enabled: true,
    provider: "jaeger",
    use_grpc: true,
    ...urls(version, serviceUrl({ ...jaegerService, port: jaegerQueryPort }, namespace), settings.url),
  };
}
