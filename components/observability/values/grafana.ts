import { addonPages, addonUrl } from "../../shared/addons";
import type { HelmValues } from "../../shared/helm-release";
import type { ObservabilitySettings } from "../../settings/sections/observability";
import { addons } from "../../settings/versions";
import { officialDashboards } from "../dashboards/official";
import { type AddonValuesInput, containerSecurity, imageParts, type Section, volume } from "./input";

/** The Secret with the administrator's login, and its keys. */
export const grafanaAdmin = { secret: "grafana-admin", userKey: "admin-user", passwordKey: "admin-password" } as const;

/** Name of the administrator; the password is a secret of the stack. */
export const grafanaAdminUser = "admin";

const dashboardsFolder = "/var/lib/grafana/dashboards";

/** The chart's own take any certificate. */
const curlOptions = "-fsSL --retry 3";

/** A ConfigMap with dashboards. */
export interface DashboardMap {
  /** Title of the folder that Grafana shows them in. */
  readonly folder: string;
  readonly configMap: string;
}

/** Grafana by grafana-community/grafana: nobody gets in without the administrator's password unless told so. */
export function grafanaValues(
  grafana: Section<"grafana">,
  { observability, meshVersion, image, pullSecrets }: AddonValuesInput,
  maps: readonly DashboardMap[],
): HelmValues {
  const { images } = addons.grafana;
  const download = grafana.dashboards === "official";
  const providers = [
    ...(download ? [{ name: "istio", folder: "Istio" }] : []),
    ...maps.map(({ folder, configMap }) => ({ name: configMap, folder })),
  ];
  return {
    image: { ...imageParts(image(images.server)), ...(pullSecrets.length > 0 && { pullSecrets }) },
    downloadDashboardsImage: imageParts(image(images.download)),
    testFramework: { enabled: false },
    // fsGroup gives the volume to Grafana; the chart's own way is a container that runs as root.
    initChownData: { enabled: false },
    rbac: { create: false },
    automountServiceAccountToken: false,
    containerSecurityContext: { ...containerSecurity, privileged: false },
    admin: {
      existingSecret: grafanaAdmin.secret,
      userKey: grafanaAdmin.userKey,
      passwordKey: grafanaAdmin.passwordKey,
    },
    service: { port: addonPages.grafana.port },
    persistence: volume(grafana.storage, "storageClassName"),
    // A volume that one pod holds cannot be given to the next while both run.
    ...(grafana.storage && { deploymentStrategy: { type: "Recreate" } }),
    ...(grafana.resources && { resources: grafana.resources }),
    "grafana.ini": {
      analytics: { check_for_updates: false, check_for_plugin_updates: false, reporting_enabled: false },
      "auth.anonymous": { enabled: grafana.anonymous, org_role: "Viewer" },
      users: { allow_sign_up: false },
      ...(grafana.url && { server: { root_url: grafana.url } }),
    },
    datasources: { "datasources.yaml": { apiVersion: 1, datasources: datasources(observability) } },
    dashboardProviders: {
      "dashboardproviders.yaml": {
        apiVersion: 1,
        providers: providers.map(({ name, folder }) => ({
          name,
          folder,
          orgId: 1,
          type: "file",
          disableDeletion: true,
          options: { path: `${dashboardsFolder}/${name}` },
        })),
      },
    },
    ...(download && { dashboards: { istio: officialDashboards(meshVersion) }, defaultCurlOptions: curlOptions }),
    dashboardsConfigMaps: Object.fromEntries(maps.map(({ configMap }) => [configMap, configMap])),
  };
}

/** What Grafana asks; dashboards name them by these uids. */
function datasources({ namespace, tracing, loki }: ObservabilitySettings): readonly object[] {
  const source = (name: string, addon: "prometheus" | "loki" | "jaeger" | "zipkin", more: object = {}) => ({
    name,
    type: addon,
    uid: addon,
    url: addonUrl(addon, namespace),
    access: "proxy",
    orgId: 1,
    editable: false,
    ...more,
  });
  return [
    source("Prometheus", "prometheus", { isDefault: true, jsonData: { timeInterval: "15s" } }),
    ...(tracing ? [source(tracing.provider === "jaeger" ? "Jaeger" : "Zipkin", tracing.provider)] : []),
    ...(loki ? [source("Loki", "loki")] : []),
  ];
}
