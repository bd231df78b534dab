import { controlPlaneOf, injectionLabels } from "../../model/control-planes";
import { dataPlaneOf, hasAmbient, hasSidecars } from "../../model/data-planes";
import type { GatewayDeploymentSettings } from "../../settings/sections/gateways";
import type { MeshSettings } from "../../settings/sections/mesh";
import { digestOf } from "../../shared/digest";
import type { HelmValues } from "../../shared/helm-release";
import { asTree, mergeValues, treesIn } from "../../shared/merge";
import { defaultRevision, rootNamespace } from "../../shared/istio";
import {
  fullImage,
  imageValues,
  imageVariant,
  type MeshValuesInput,
  nativeNftables,
  profileValues,
  scopes,
  withUserValues,
} from "./common-values";
import { gatewayChartValues } from "./gateway-effects";
import { caAddress, issuedAuthority } from "./istio-csr";

/** The chart's value `defaultRevision` names the control plane that validates objects; simulated nodes have none. */
export function baseValues({ mesh, cluster }: MeshValuesInput): HelmValues {
  const validating = cluster.simulatedNodes ? "" : (mesh.revision ?? defaultRevision);
  return withUserValues({ ...profileValues(mesh), defaultRevision: validating }, mesh.values.base);
}

export function istiodValues(input: MeshValuesInput): HelmValues {
  const { mesh, cluster, meshConfig } = input;
  const values = {
    ...profileValues(mesh),
    ...(mesh.revision !== undefined && { revision: mesh.revision }),
    global: {
      ...imageValues(input),
      ...imageVariant(mesh),
      ...nativeNftables(input),
      ...proxyValues(input),
      ...(issuedAuthority(mesh) && { caAddress }),
      // No webhook answers on simulated nodes. The injector's webhook fails closed, which would block every pod; the
      // validating webhook does so from the first upgrade on, which would block every VirtualService.
      ...(cluster.simulatedNodes && { operatorManageWebhooks: true, configValidation: false }),
    },
    pilot: {
      ...fullImage(input, "pilot"),
      // Talos' Pod Security default forbids the init container that would otherwise redirect a sidecar's traffic.
      cni: { enabled: true },
      ...istiodEnvironment(mesh),
      // istiod reads the Secret when it starts; later, it follows changes that keep a root.
      ...(mesh.ca?.kind === "plugged" && { podAnnotations: { [authorityAnnotation]: digestOf(mesh.ca) } }),
      // istiod itself tolerates the taint, by its chart.
      ...(mesh.untaintNodes && { taint: { enabled: true, namespace: rootNamespace } }),
    },
    meshConfig: {
      ...(mesh.accessLog !== undefined && { accessLogFile: mesh.accessLog ? "/dev/stdout" : "" }),
      outboundTrafficPolicy: { mode: mesh.outboundTrafficPolicy },
      trustDomain: mesh.trustDomain,
      ...(mesh.trustDomainAliases && { trustDomainAliases: mesh.trustDomainAliases }),
      defaultConfig: {
        ...(hasSidecars(mesh) && { holdApplicationUntilProxyStarts: mesh.holdApplicationUntilProxyStarts ?? true }),
        ...proxyMetadata(mesh),
      },
      ...meshConfig,
    },
  };
  return withProvidersOf(values, withUserValues(values, mesh.values.istiod, scopes.istiod));
}

function istiodEnvironment(mesh: MeshSettings): HelmValues {
  const env = {
    // Set explicitly, so that every profile works with the ambient data plane.
    ...(hasAmbient(mesh) && { PILOT_ENABLE_AMBIENT: "true" }),
    // It would create a root, and write it into the ConfigMaps of istio-csr.
    ...(issuedAuthority(mesh) && { ENABLE_CA_SERVER: "false" }),
  };
  return Object.keys(env).length > 0 ? { env } : {};
}

function proxyValues(input: MeshValuesInput): HelmValues {
  const { proxyResources: resources, waypoints } = input.mesh;
  const { image } = fullImage(input, "proxyv2");
  return {
    ...((image ?? resources) && { proxy: { ...(image !== undefined && { image }), ...(resources && { resources }) } }),
    ...(image !== undefined && { proxy_init: { image } }),
    ...(resources && waypoints.length > 0 && { waypoint: { resources } }),
  };
}

function proxyMetadata(mesh: MeshSettings): HelmValues {
  const metadata = {
    // Without it a sidecar accepts no HBONE, and a ztunnel calls it in plain text, which STRICT refuses.
    ...(hasAmbient(mesh) && { ISTIO_META_ENABLE_HBONE: "true" }),
    ...(hasSidecars(mesh) &&
      mesh.dnsCapture !== undefined && { ISTIO_META_DNS_CAPTURE: mesh.dnsCapture ? "true" : "false" }),
  };
  return Object.keys(metadata).length > 0 ? { proxyMetadata: metadata } : {};
}

/**
 * Helm replaces lists, so a user's extension providers would remove those of policies and tracing, and these would have
 * no effect. Both are kept; where two have the same name, the user's wins.
 */
function withProvidersOf(ours: HelmValues, merged: HelmValues): HelmValues {
  const both = [ours, merged].flatMap(({ meshConfig }) => treesIn(asTree(meshConfig).extensionProviders));
  if (both.length === 0) return merged;
  const extensionProviders = [...new Map(both.map((provider) => [provider.name, provider])).values()];
  return { ...merged, meshConfig: { ...asTree(merged.meshConfig), extensionProviders } };
}

/**
 * The node agent. On Talos the chart's own paths are right: /opt/cni/bin and /etc/cni/net.d.
 * Source: siderolabs/talos, pkg/machinery/constants.
 */
export function cniValues(input: MeshValuesInput): HelmValues {
  const { mesh } = input;
  const ambient = {
    enabled: true,
    // ztunnel answers the DNS queries that istio-cni redirects to it; unset, the chart enables it.
    ...(mesh.dnsCapture !== undefined && { dnsCapture: mesh.dnsCapture }),
  };
  const own = { ...fullImage(input, "install-cni"), ...(hasAmbient(mesh) && { ambient }) };
  const values = {
    ...profileValues(mesh),
    global: { ...imageValues(input), ...imageVariant(mesh), ...nativeNftables(input) },
    ...(Object.keys(own).length > 0 && { cni: own }),
  };
  return withUserValues(values, mesh.values.cni, scopes.cni);
}

/** Images are at the top of this chart's values, not in `global`. Trust domain, mTLS mode and authorization come from istiod. */
export function ztunnelValues(input: MeshValuesInput): HelmValues {
  const { mesh } = input;
  const values = {
    ...profileValues(mesh),
    ...(mesh.revision !== undefined && { revision: mesh.revision }),
    ...imageValues(input),
    ...imageVariant(mesh),
    ...fullImage(input, "ztunnel"),
    ...(issuedAuthority(mesh) && { caAddress }),
    // By default ztunnel logs a line for each connection, and refused ones as errors.
    // Source: istio/ztunnel, src/proxy/metrics.rs.
    ...(mesh.accessLog === false && { logLevel: "info,access=off" }),
  };
  return withUserValues(values, mesh.values.ztunnel);
}

/** @param selector labels of the gateway's pods, which the chart derives from the release's name */
export function gatewayValues(
  settings: GatewayDeploymentSettings,
  selector: Readonly<Record<string, string>>,
  input: MeshValuesInput,
): HelmValues {
  const { mesh, images } = input;
  const { service, autoscaling, podAnnotations, ...others } = gatewayChartValues({ settings, selector });
  const values = {
    service,
    autoscaling,
    podAnnotations: { [proxyGenerationAnnotation]: proxyGeneration(input), ...asTree(podAnnotations) },
    ...others,
    ...(images.pullPolicy && { imagePullPolicy: images.pullPolicy }),
    ...(images.pullSecrets.length > 0 && { imagePullSecrets: images.pullSecrets.map(({ name }) => ({ name })) }),
  };
  return mergeValues(values, mesh.values.gateway ?? {});
}

const authorityAnnotation = "talos-mesh/certificate-authority";
const proxyGenerationAnnotation = "talos-mesh/proxy-generation";

/**
 * A digest of everything that the injector writes into pods: images, resources, the proxy's own configuration, its
 * identity, and the user's values of istiod. A running pod keeps the proxy that it was created with; with this digest in
 * the pod templates, an upgrade of the mesh replaces the pods. Configuration that istiod sends to running proxies, such
 * as the outbound policy, is not part of it.
 */
export function proxyGeneration(input: MeshValuesInput): string {
  const { mesh } = input;
  const { proxyResources, profile, trustDomain, dnsCapture, compatibilityVersion } = mesh;
  const injected = {
    profile,
    trustDomain,
    holdApplicationUntilProxyStarts: mesh.holdApplicationUntilProxyStarts ?? true,
    proxyResources,
    dnsCapture,
    compatibilityVersion,
    // Sidecars accept HBONE of ztunnels only where this is set.
    ambient: hasAmbient(mesh) || undefined,
    caAddress: issuedAuthority(mesh) && caAddress,
    ...imageValues(input),
    ...fullImage(input, "proxyv2"),
    revision: mesh.revision,
    talos: input.cluster.talos,
    istiod: mesh.values.istiod,
  };
  return digestOf(injected);
}

export interface SidecarRequest {
  /** Changes when the sidecar changes; empty where pods have none. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Labels that request a sidecar for a pod whose namespace does not. */
  readonly labels: Readonly<Record<string, string>>;
}

export function sidecarRequest(namespace: string, input: MeshValuesInput): SidecarRequest {
  if (dataPlaneOf(input.mesh, namespace) !== "sidecar") return { annotations: {}, labels: {} };
  // The control plane of this namespace: a tag that moves replaces the pods of its own namespaces only.
  const { mesh } = controlPlaneOf(input.mesh, namespace);
  return {
    annotations: { [proxyGenerationAnnotation]: proxyGeneration({ ...input, mesh }) },
    labels: injectionLabels(input.mesh, namespace).pod,
  };
}
