import type { GatewayDeploymentSettings } from "../../settings/sections/gateways";
import type { HelmValues } from "../../shared/helm-release";
import { mergeValues } from "../../shared/merge";
import type { MeshValuesInput } from "./input";
import { proxyGeneration, proxyGenerationAnnotation } from "./proxy-generation";

/** Ports of a gateway's Service; Helm replaces lists, so all are given. */
const gatewayPorts = [
  { key: "status", name: "status-port", port: 15021, targetPort: 15021 },
  { key: "http", name: "http2", port: 80, targetPort: 80 },
  { key: "https", name: "https", port: 443, targetPort: 443 },
] as const;

export function gatewayValues(gateway: GatewayDeploymentSettings, input: MeshValuesInput): HelmValues {
  const { mesh, images } = input;
  const values = {
    service: {
      type: gateway.serviceType,
      ports: gatewayPorts.map(({ key, name, port, targetPort }) => {
        const given = gateway.ports[key];
        return {
          name,
          port: given?.port ?? port,
          targetPort,
          protocol: "TCP",
          ...(given?.nodePort !== undefined && { nodePort: given.nodePort }),
        };
      }),
    },
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
    ...(gateway.resources && { resources: gateway.resources }),
    ...(images.pullPolicy && { imagePullPolicy: images.pullPolicy }),
  };
  return mergeValues(values, mesh.values.gateway ?? {});
}

/** Ports a gateway's Service offers, by their names. */
export function gatewayServicePorts(gateway: GatewayDeploymentSettings): Record<string, number> {
  return Object.fromEntries(gatewayPorts.map(({ key, name, port }) => [name, gateway.ports[key]?.port ?? port]));
}
