import { hasAmbient, hasSidecars } from "../../model/data-planes";
import type { MeshSettings } from "../../settings/sections/mesh";
import type { HelmValues } from "../../shared/helm-release";
import { mergeValues } from "../../shared/merge";
import { rootNamespace } from "../../shared/istio";
import { imageValues, imageVariant, proxyImageValues, wholeImage } from "./images";
import { type MeshValuesInput, nftables } from "./input";
import { profileValues } from "./profiles";
import { scopes, withUserValues } from "./user-values";

export function istiodValues(input: MeshValuesInput): HelmValues {
  const { mesh, cluster, meshConfig } = input;
  const values = {
    ...profileValues(mesh),
    ...(mesh.revision !== undefined && { revision: mesh.revision }),
    global: {
      ...imageValues(input),
      ...imageVariant(mesh),
      ...nftables(input),
      ...mergeValues(proxyImageValues(input), proxyResources(mesh)),
      // No webhook answers on simulated nodes. The injector's fails closed, so that no pod could be made; those that
      // validate do so from the first upgrade on, and no VirtualService could.
      ...(cluster.simulatedNodes && { operatorManageWebhooks: true, configValidation: false }),
    },
    pilot: {
      ...wholeImage(input, "pilot"),
      // Talos' Pod Security default forbids the init container that would otherwise redirect a sidecar's traffic.
      cni: { enabled: true },
      // Written out, so that any profile goes with the ambient data plane.
      ...(hasAmbient(mesh) && { env: { PILOT_ENABLE_AMBIENT: "true" } }),
      ...(mesh.untaintNodes && untaint),
    },
    meshConfig: {
      ...(mesh.accessLog !== undefined && { accessLogFile: mesh.accessLog ? "/dev/stdout" : "" }),
      outboundTrafficPolicy: { mode: mesh.outboundTrafficPolicy },
      trustDomain: mesh.trustDomain,
      defaultConfig: {
        ...(hasSidecars(mesh) && { holdApplicationUntilProxyStarts: holdsApplication(mesh) }),
        ...proxyMetadata(mesh),
      },
      ...meshConfig,
    },
  };
  return withProvidersOf(values, withUserValues(values, mesh.values.istiod, scopes.istiod));
}

interface WithProviders {
  readonly meshConfig: { readonly extensionProviders?: readonly { readonly name: string }[] };
}

/**
 * Helm replaces lists: a user's extension providers would take away those that policies and tracing name, and these
 * would then do nothing. They stand beside each other; of two with one name, the user's stays.
 */
function withProvidersOf(ours: HelmValues, merged: HelmValues): HelmValues {
  const { meshConfig } = merged as unknown as WithProviders;
  const both = [(ours as unknown as WithProviders).meshConfig, meshConfig].flatMap(
    ({ extensionProviders = [] }) => extensionProviders,
  );
  if (both.length === 0) return merged;
  const extensionProviders = [...new Map(both.map((provider) => [provider.name, provider])).values()];
  return { ...merged, meshConfig: { ...meshConfig, extensionProviders } };
}

export function holdsApplication(mesh: MeshSettings): boolean {
  return mesh.holdApplicationUntilProxyStarts ?? true;
}

function proxyResources({ proxyResources: resources, waypoints }: MeshSettings): HelmValues {
  if (!resources) return {};
  return { proxy: { resources }, ...(waypoints.length > 0 && { waypoint: { resources } }) };
}

function proxyMetadata(mesh: MeshSettings): HelmValues {
  const metadata = {
    // Without it a sidecar offers no HBONE, and a ztunnel reaches it in plain text, which STRICT refuses.
    ...(hasAmbient(mesh) && { ISTIO_META_ENABLE_HBONE: "true" }),
    ...(hasSidecars(mesh) &&
      mesh.dnsCapture !== undefined && { ISTIO_META_DNS_CAPTURE: mesh.dnsCapture ? "true" : "false" }),
  };
  return Object.keys(metadata).length > 0 ? { proxyMetadata: metadata } : {};
}

/** istiod itself tolerates the taint, by its chart. */
const untaint = { taint: { enabled: true, namespace: rootNamespace } };
