import { hasAmbient } from "../../model/data-planes";
import type { ImagesSettings } from "../../settings/sections/images";
import type { MeshSettings } from "../../settings/sections/mesh";
import { compareMinor, istioSince, minorOf } from "../../settings/versions";
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
  /** What policies and tracing need of istiod's mesh config; see settings/mesh-config.ts. */
  readonly meshConfig?: object;
}

/** Talos ships nftables and not the iptables modules of old; an Istio that is too old for it goes on by iptables. */
export function nftables({ mesh, cluster }: MeshValuesInput): HelmValues {
  const since = hasAmbient(mesh) ? istioSince.nftablesInAmbient : istioSince.nftables;
  return cluster.talos && compareMinor(minorOf(mesh.version), since) >= 0 ? { nativeNftables: true } : {};
}
