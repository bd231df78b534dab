import { createHash } from "node:crypto";
import { imageValues, type MeshValuesInput } from "./input";

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
