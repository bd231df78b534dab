import { createHash } from "node:crypto";
import type { GatewayDeploymentSettings, ImagesSettings, MeshSettings } from "../settings/sections/mesh";
import type { HelmValues } from "../shared/helm-release";
import { mergeValues } from "../shared/merge";

/** What the charts must know of the cluster. */
export interface ClusterFacts {
  readonly simulatedNodes: boolean;
  readonly talos: boolean;
}

export interface MeshValuesInput {
  readonly mesh: MeshSettings;
  readonly images: ImagesSettings;
  readonly cluster: ClusterFacts;
}

/**
 * Helm knows fewer profiles than istioctl: `default` is a chart's own values, and `minimal` is the same without
 * gateways, which are releases of their own here.
 * Source: istio/istio, manifests/helm-profiles.
 */
function profile(mesh: MeshSettings): HelmValues {
  return mesh.profile === "default" || mesh.profile === "minimal" ? {} : { profile: mesh.profile };
}

function imageValues({ mesh, images }: MeshValuesInput): HelmValues {
  return {
    hub: images.hub,
    tag: mesh.version,
    ...(images.pullPolicy && { imagePullPolicy: images.pullPolicy }),
  };
}

export function baseValues({ mesh }: MeshValuesInput): HelmValues {
  return mergeValues({ ...profile(mesh), defaultRevision: "default" }, mesh.values.base ?? {});
}

export function cniValues(input: MeshValuesInput): HelmValues {
  const { mesh, cluster } = input;
  return mergeValues(
    { ...profile(mesh), global: { ...imageValues(input), ...nftables(cluster) } },
    mesh.values.cni ?? {},
  );
}

export function istiodValues(input: MeshValuesInput): HelmValues {
  const { mesh, cluster } = input;
  const values = {
    ...profile(mesh),
    global: {
      ...imageValues(input),
      ...nftables(cluster),
      ...(mesh.proxyResources && { proxy: { resources: mesh.proxyResources } }),
      // No webhook answers on simulated nodes, and the injector's fails closed: no pod could be made.
      ...(cluster.simulatedNodes && { operatorManageWebhooks: true }),
    },
    // Talos' Pod Security default forbids the init container that would otherwise redirect a sidecar's traffic.
    pilot: { cni: { enabled: true } },
    meshConfig: {
      ...(mesh.accessLog !== undefined && { accessLogFile: mesh.accessLog ? "/dev/stdout" : "" }),
      outboundTrafficPolicy: { mode: mesh.outboundTrafficPolicy },
      trustDomain: mesh.trustDomain,
      defaultConfig: { holdApplicationUntilProxyStarts: mesh.holdApplicationUntilProxyStarts },
    },
  };
  return mergeValues(values, mesh.values.istiod ?? {});
}

/** Talos ships nftables and not the iptables modules of old. */
function nftables(cluster: ClusterFacts): HelmValues {
  return cluster.talos ? { nativeNftables: true } : {};
}

/** On the template of every pod with a proxy; see `proxyGeneration`. */
export const proxyGenerationAnnotation = "talos-mesh/proxy-generation";

/**
 * Changes with what the injector writes into pods: images, resources, the proxy's own configuration, its identity, and
 * whatever the user adds to istiod's values. A running pod keeps the proxy it was born with, so this stands on the pod
 * templates and an upgrade of the mesh rolls them. What istiod sends to running proxies, such as the outbound policy, is
 * not part of it.
 */
export function proxyGeneration(input: MeshValuesInput): string {
  const { mesh } = input;
  const { holdApplicationUntilProxyStarts, proxyResources, profile, trustDomain } = mesh;
  const written = {
    profile,
    trustDomain,
    holdApplicationUntilProxyStarts,
    proxyResources,
    ...imageValues(input),
    talos: input.cluster.talos,
    istiod: mesh.values.istiod,
  };
  return createHash("sha256").update(JSON.stringify(written)).digest("hex").slice(0, 12);
}

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
