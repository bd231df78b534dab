import type { HelmValues } from "../../shared/helm-release";
import { mergeValues } from "../../shared/merge";
import { imageValues, type MeshValuesInput, nftables } from "./input";
import { profileValues } from "./profiles";

export function cniValues(input: MeshValuesInput): HelmValues {
  const { mesh, cluster } = input;
  return mergeValues(
    { ...profileValues(mesh), global: { ...imageValues(input), ...nftables(cluster) } },
    mesh.values.cni ?? {},
  );
}
