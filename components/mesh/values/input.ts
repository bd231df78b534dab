import type { ImagesSettings } from "../../settings/sections/images";
import type { MeshSettings } from "../../settings/sections/mesh";
import type { HelmValues } from "../../shared/helm-release";

/** What the charts must know of the cluster. */
export interface ClusterFacts {
  readonly simulatedNodes: boolean;
  readonly talos: boolean;
}

/** What the values of Istio's charts are made from. */
export interface MeshValuesInput {
  readonly mesh: MeshSettings;
  readonly images: ImagesSettings;
  readonly cluster: ClusterFacts;
}

/** Where a chart's images come from; in the charts base, istiod and cni these stand under `global`. */
export function imageValues({ mesh, images }: MeshValuesInput): HelmValues {
  return {
    hub: images.hub,
    tag: mesh.version,
    ...(images.pullPolicy && { imagePullPolicy: images.pullPolicy }),
  };
}

/** Talos ships nftables and not the iptables modules of old. */
export function nftables(cluster: ClusterFacts): HelmValues {
  return cluster.talos ? { nativeNftables: true } : {};
}
