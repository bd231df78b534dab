import { addonPages } from "../../shared/addons";
import type { HelmValues } from "../../shared/helm-release";
import { addons } from "../../settings/versions";
import { type AlertGroup } from "../alerts";
import { type AddonValuesInput, containerSecurity, named, repositoryAndTag, type Section, volume } from "./input";

/**
 * Prometheus by prometheus-community/prometheus, and nothing else of that chart.
 *
 * Its default jobs scrape every pod with the annotations `prometheus.io/*`, and the mesh annotates all of its own:
 * istiod and istio-cni (15014), ztunnel, gateways, waypoints and sidecars (15020, where an application's own figures
 * are merged in). These ports are outside mutual TLS, so a Prometheus without a proxy reads them in a STRICT mesh, and
 * no authorization policy stands before them.
 */
export function prometheusValues(
  prometheus: Section<"prometheus">,
  { image, pullSecrets }: AddonValuesInput,
  alertGroups: readonly AlertGroup[],
): HelmValues {
  const { images } = addons.prometheus;
  return {
    ...(pullSecrets.length > 0 && { imagePullSecrets: named(pullSecrets) }),
    alertmanager: { enabled: false },
    "kube-state-metrics": { enabled: false },
    // Its pods mount folders of the node, which the namespace's Pod Security level forbids.
    "prometheus-node-exporter": { enabled: false },
    "prometheus-pushgateway": { enabled: false },
    configmapReload: {
      prometheus: { image: repositoryAndTag(image(images.reloader)), containerSecurityContext: containerSecurity },
    },
    server: {
      fullnameOverride: addonPages.prometheus.service,
      image: repositoryAndTag(image(images.server)),
      service: { servicePort: addonPages.prometheus.port },
      // Kiali's and Istio's own dashboards count on 15 s.
      global: { scrape_interval: "15s", evaluation_interval: "30s" },
      retention: prometheus.retention,
      persistentVolume: volume(prometheus.storage, "storageClass"),
      containerSecurityContext: containerSecurity,
      readinessProbeInitialDelay: 0,
      ...(prometheus.alertmanagers.length > 0 && {
        alertmanagers: [{ static_configs: [{ targets: prometheus.alertmanagers }] }],
      }),
      ...(prometheus.resources && { resources: prometheus.resources }),
    },
    // Jobs of the chart for what is not installed.
    scrapeConfigs: { "prometheus-pushgateway": { enabled: false }, "kubernetes-services": { enabled: false } },
    ...(alertGroups.length > 0 && { serverFiles: { "alerting_rules.yml": { groups: alertGroups } } }),
  };
}
