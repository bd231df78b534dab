import { gatewayPorts } from "../../model/gateways";
import type { GatewayDeploymentSettings } from "../../settings/sections/gateways";
import type { HelmValues } from "../../shared/helm-release";
import { mergeValues } from "../../shared/merge";
import type { MeshValuesInput } from "./common-values";
import { proxyGeneration, proxyGenerationAnnotation } from "./istio-charts";

/**
 * Values of the gateway chart.
 *
 * @param selector labels of the gateway's pods, which the chart derives from the release's name
 */
export function gatewayValues(
  gateway: GatewayDeploymentSettings,
  selector: Readonly<Record<string, string>>,
  input: MeshValuesInput,
): HelmValues {
  const { mesh, images } = input;
  const values = {
    service: serviceValues(gateway),
    autoscaling: gateway.autoscale
      ? {
          enabled: true,
          minReplicas: gateway.autoscale.min,
          maxReplicas: gateway.autoscale.max,
          targetCPUUtilizationPercentage: gateway.autoscale.cpuUtilization,
        }
      : { enabled: false },
    podAnnotations: { [proxyGenerationAnnotation]: proxyGeneration(input) },
    ...(gateway.replicas !== undefined && { replicaCount: gateway.replicas }),
    ...(gateway.podDisruptionBudget && { podDisruptionBudget: gateway.podDisruptionBudget }),
    ...(gateway.antiAffinity && { affinity: { podAntiAffinity: apartFrom(selector) } }),
    ...(gateway.resources && { resources: gateway.resources }),
    ...(images.pullPolicy && { imagePullPolicy: images.pullPolicy }),
    ...(images.pullSecrets.length > 0 && { imagePullSecrets: images.pullSecrets.map(({ name }) => ({ name })) }),
  };
  return mergeValues(values, mesh.values.gateway ?? {});
}

function serviceValues(gateway: GatewayDeploymentSettings): HelmValues {
  const { serviceType, ports, extraPorts, externalTrafficPolicy, serviceAnnotations, loadBalancerClass } = gateway;
  const own = gatewayPorts.map(({ key, name, port, targetPort }) => ({ name, port, targetPort, ...ports[key] }));
  const extra = Object.entries(extraPorts).map(([name, given]) => ({ name, targetPort: given.port, ...given }));
  return {
    type: serviceType,
    // Helm replaces lists, so all ports are given.
    ports: [...own, ...extra].map((port) => ({ ...port, protocol: "TCP" })),
    ...(externalTrafficPolicy && { externalTrafficPolicy }),
    ...(serviceAnnotations && { annotations: serviceAnnotations }),
    ...(loadBalancerClass !== undefined && { loadBalancerClass }),
  };
}

/** Preferred, not required: a cluster with fewer nodes than replicas still gets all of them, also while pods are rolled. */
export function apartFrom(matchLabels: Readonly<Record<string, string>>): HelmValues {
  const weights = { "kubernetes.io/hostname": 100, "topology.kubernetes.io/zone": 50 };
  return {
    preferredDuringSchedulingIgnoredDuringExecution: Object.entries(weights).map(([topologyKey, weight]) => ({
      weight,
      podAffinityTerm: { topologyKey, labelSelector: { matchLabels: { ...matchLabels } } },
    })),
  };
}
