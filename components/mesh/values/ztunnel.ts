import type { HelmValues } from "../../shared/helm-release";
import { imageValues, imageVariant, wholeImage } from "./images";
import type { MeshValuesInput } from "./input";
import { profileValues } from "./profiles";
import { withUserValues } from "./user-values";

/**
 * The node proxy of the ambient data plane. It reads images at the top, and gets trust domain, mTLS mode and
 * authorization from istiod.
 */
export function ztunnelValues(input: MeshValuesInput): HelmValues {
  const { mesh } = input;
  const values = {
    ...profileValues(mesh),
    ...(mesh.revision !== undefined && { revision: mesh.revision }),
    ...imageValues(input),
    ...imageVariant(mesh),
    ...wholeImage(input, "ztunnel"),
    // Logs a line for each connection, refused ones as errors, unless told otherwise.
    // Source: istio/ztunnel, src/proxy/metrics.rs.
    ...(mesh.accessLog === false && { logLevel: "info,access=off" }),
  };
  return withUserValues(values, mesh.values.ztunnel);
}
