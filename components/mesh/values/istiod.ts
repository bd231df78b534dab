import type { HelmValues } from "../../shared/helm-release";
import { mergeValues } from "../../shared/merge";
import { imageValues, type MeshValuesInput, nftables } from "./input";
import { profileValues } from "./profiles";

export function istiodValues(input: MeshValuesInput): HelmValues {
  const { mesh, cluster } = input;
  const values = {
    ...profileValues(mesh),
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
