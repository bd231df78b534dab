import type { ClusterTraits } from "../../cluster/kinds";
import { hasAmbient } from "../../model/data-planes";
import { imageReference, type IstioImage, mirrored } from "../../model/images";
import type { Settings } from "../../settings/schema";
import type { MeshSettings } from "../../settings/sections/mesh";
import { compareMinor, nftables, talosSince } from "../../settings/versions";
import type { HelmValues } from "../../shared/helm-release";
import { mergeValues } from "../../shared/merge";

export type ChartName = "base" | "istiod" | "cni" | "ztunnel" | "gateway";

export type ClusterFacts = Pick<ClusterTraits, "simulatedNodes" | "talos" | "talosVersion">;

export interface MeshValuesInput extends Pick<Settings, "mesh" | "images"> {
  readonly cluster: ClusterFacts;
  /** istiod's mesh config for policies and tracing; see model/mesh-config.ts. */
  readonly meshConfig?: object;
}

export type ProfileName = MeshSettings["profile"];

/**
 * What each profile is for, as `npm run profile -- list` prints it.
 *
 * Helm has fewer profiles than istioctl: `default` is a chart's own values, and `minimal` is the same without
 * gateways, which are separate releases here. The values of every other profile are a file in each chart.
 * Source: istio/istio, manifests/helm-profiles.
 */
export const profiles: Readonly<Record<ProfileName, string>> = {
  default: "the charts' own values: for production",
  demo: "access log, every request traced, small requests, one istiod: to try Istio",
  minimal: "as default; gateways are only those under talos-mesh:gateways",
  ambient: "ztunnel and distroless images: for dataPlane ambient",
  preview: "what is to become default, such as DNS capture by sidecars",
  stable: "refuses fields of Istio's API that are not yet stable",
};

export function profileValues({ profile, compatibilityVersion, platform }: MeshSettings): HelmValues {
  return {
    ...(profile !== "default" && profile !== "minimal" && { profile }),
    ...(compatibilityVersion !== undefined && { compatibilityVersion }),
    ...(platform !== undefined && { platform }),
  };
}

/**
 * Talos has nftables and no legacy iptables modules: native where its release and that of Istio can, iptables' interface to
 * nftables elsewhere. In a mesh with ambient, pods may have sidecars too.
 */
export function nativeNftables({ mesh, cluster }: MeshValuesInput): HelmValues {
  const { talosVersion } = cluster;
  if (talosVersion === undefined || compareMinor(talosVersion, talosSince.nft) < 0) return {};
  const ambient = hasAmbient(mesh);
  if (compareMinor(mesh.version, ambient ? nftables.ambient : nftables.sidecar) < 0) return {};
  const withoutJson = imageVariant(mesh).variant === "distroless" && nftables.distrolessWithoutJson(mesh.version);
  return withoutJson ? {} : { nativeNftables: true };
}

type ImageInput = Pick<MeshValuesInput, "mesh" | "images">;

/** Hub, tag and pull options of a chart's images: under `global` in the charts base, istiod and cni. */
export function imageValues({ mesh, images }: ImageInput): HelmValues {
  return {
    hub: mirrored(images, images.hub),
    tag: mesh.version,
    ...(images.pullPolicy && { imagePullPolicy: images.pullPolicy }),
    ...(images.pullSecrets.length > 0 && { imagePullSecrets: images.pullSecrets.map(({ name }) => name) }),
  };
}

/** As the ambient profile has it: the images of a mesh with ztunnel contain no shell. */
export function imageVariant(mesh: MeshSettings): { readonly variant?: string } {
  return hasAmbient(mesh) ? { variant: "distroless" } : {};
}

/**
 * The full name of an image, where hub and tag do not give it: an image with a digest, or from a mirror of its own. The
 * charts and the injector's templates use a name with a slash unchanged.
 */
export function fullImage({ mesh, images }: ImageInput, name: IstioImage): { readonly image?: string } {
  const { variant } = imageVariant(mesh);
  const file = `${name}:${mesh.version}${variant === undefined ? "" : `-${variant}`}`;
  const image = imageReference(images, `${images.hub}/${file}`);
  return image === `${mirrored(images, images.hub)}/${file}` ? {} : { image };
}

/**
 * Key under which a chart reads its own values a second time. A value there wins over the same value at the top, and
 * profiles write there: `resources` at the top of istio-cni's values loses against the demo profile's `cni.resources`.
 * Source: istio/istio, manifests/charts, templates/zzy_descope_legacy.yaml.
 */
export const scopes: Readonly<Partial<Record<ChartName, string>>> = { istiod: "pilot", cni: "cni" };

const topOnly = ["global", "meshConfig", "profile", "compatibilityVersion", "platform"];

/**
 * A user's values merged over ours. Values at the top are moved to the key that the chart reads first (see `scopes`), so
 * that they also win over the profile inside the chart.
 */
export function withUserValues(ours: HelmValues, user: HelmValues = {}, scope?: string): HelmValues {
  if (scope === undefined) return mergeValues(ours, user);
  const atTop = new Set([scope, ...topOnly]);
  const scoped = Object.entries(user).filter(([key]) => !atTop.has(key));
  const others = Object.entries(user).filter(([key]) => atTop.has(key));
  if (scoped.length === 0) return mergeValues(ours, user);
  return mergeValues(ours, mergeValues({ [scope]: Object.fromEntries(scoped) }, Object.fromEntries(others)));
}
