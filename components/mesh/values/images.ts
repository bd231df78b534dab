import { hasAmbient } from "../../model/data-planes";
import { imageReference, type IstioImage, mirrored } from "../../model/images";
import type { MeshSettings } from "../../settings/sections/mesh";
import type { HelmValues } from "../../shared/helm-release";
import type { MeshValuesInput } from "./input";

type ImageInput = Pick<MeshValuesInput, "mesh" | "images">;

/** Where a chart's images come from; in the charts base, istiod and cni these stand under `global`. */
export function imageValues({ mesh, images }: ImageInput): HelmValues {
  return {
    hub: mirrored(images, images.hub),
    tag: mesh.version,
    ...(images.pullPolicy && { imagePullPolicy: images.pullPolicy }),
    ...(images.pullSecrets.length > 0 && { imagePullSecrets: images.pullSecrets.map(({ name }) => name) }),
  };
}

/** The ambient profile's: nothing of a mesh with ztunnel carries a shell. */
export function imageVariant(mesh: MeshSettings): { readonly variant?: string } {
  return hasAmbient(mesh) ? { variant: "distroless" } : {};
}

/**
 * An image by its whole name, where hub and tag do not say it: by digest, or from a mirror of its own. The charts, and
 * the templates of the injector, take a name with a slash as it is.
 */
export function wholeImage({ mesh, images }: ImageInput, name: IstioImage): { readonly image?: string } {
  const { variant } = imageVariant(mesh);
  const file = `${name}:${mesh.version}${variant === undefined ? "" : `-${variant}`}`;
  const image = imageReference(images, `${images.hub}/${file}`);
  return image === `${mirrored(images, images.hub)}/${file}` ? {} : { image };
}

/** The proxy's image in istiod's values: for sidecars, gateways and waypoints, and for the init container of old. */
export function proxyImageValues(input: ImageInput): { readonly proxy?: HelmValues; readonly proxy_init?: HelmValues } {
  const proxy = wholeImage(input, "proxyv2");
  return proxy.image === undefined ? {} : { proxy, proxy_init: proxy };
}
