import { hasAmbient } from "../../model/data-planes";
import type { HelmValues } from "../../shared/helm-release";
import { imageValues, imageVariant, wholeImage } from "./images";
import { type MeshValuesInput, nftables } from "./input";
import { profileValues } from "./profiles";
import { scopes, withUserValues } from "./user-values";

/**
 * The node agent. On Talos the chart's own paths are right: /opt/cni/bin and /etc/cni/net.d.
 * Source: siderolabs/talos, pkg/machinery/constants.
 */
export function cniValues(input: MeshValuesInput): HelmValues {
  const { mesh } = input;
  const ambient = {
    enabled: true,
    // ztunnel answers the names that istio-cni redirects to it; unset, the chart has it on.
    ...(mesh.dnsCapture !== undefined && { dnsCapture: mesh.dnsCapture }),
  };
  const own = { ...wholeImage(input, "install-cni"), ...(hasAmbient(mesh) && { ambient }) };
  const values = {
    ...profileValues(mesh),
    global: { ...imageValues(input), ...imageVariant(mesh), ...nftables(input) },
    ...(Object.keys(own).length > 0 && { cni: own }),
  };
  return withUserValues(values, mesh.values.cni, scopes.cni);
}
