import { createHash } from "node:crypto";
import { controlPlaneOf, injectionLabels } from "../../model/control-planes";
import { dataPlaneOf, hasAmbient } from "../../model/data-planes";
import { imageValues, wholeImage } from "./images";
import type { MeshValuesInput } from "./input";
import { holdsApplication } from "./istiod";

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
  const { proxyResources, profile, trustDomain, dnsCapture, compatibilityVersion } = mesh;
  const written = {
    profile,
    trustDomain,
    holdApplicationUntilProxyStarts: holdsApplication(mesh),
    proxyResources,
    dnsCapture,
    compatibilityVersion,
    // A sidecar must be told to take HBONE from ztunnels.
    ambient: hasAmbient(mesh) || undefined,
    ...imageValues(input),
    ...wholeImage(input, "proxyv2"),
    revision: mesh.revision,
    talos: input.cluster.talos,
    istiod: mesh.values.istiod,
  };
  return createHash("sha256").update(JSON.stringify(written)).digest("hex").slice(0, 12);
}

/** What the templates of a namespace's pods say of their sidecars. */
export interface SidecarRequest {
  /** Change when the sidecar does; none where pods get none. */
  readonly annotations: Readonly<Record<string, string>>;
  /** By which a pod asks for one, where its namespace does not. */
  readonly labels: Readonly<Record<string, string>>;
}

export function sidecarRequest(namespace: string, input: MeshValuesInput): SidecarRequest {
  if (dataPlaneOf(input.mesh, namespace) !== "sidecar") return { annotations: {}, labels: {} };
  // Of the control plane the namespace has now: a tag that moves rolls its workloads, and no others.
  const { mesh } = controlPlaneOf(input.mesh, namespace);
  return {
    annotations: { [proxyGenerationAnnotation]: proxyGeneration({ ...input, mesh }) },
    labels: injectionLabels(input.mesh, namespace).pod,
  };
}
