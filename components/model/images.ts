import { applicationImages } from "../apps/application";
import { deployableApplications } from "../apps/registry";
import type { ImagesSettings } from "../settings/sections/images";
import { allCharts } from "../observability/addons/registry";
import { benchmarkImages, platformImages, verificationImages, versions } from "../settings/versions";
import { own } from "../shared/own";

/** Istio's images, under the hub: the control plane, every proxy, and the agents on nodes. */
const istioImages = ["pilot", "proxyv2", "install-cni", "ztunnel"] as const;

export type IstioImage = (typeof istioImages)[number];

/** Names that `images.digests` may have: every image that some stack pulls. */
export const imageNames: readonly string[] = [
  ...istioImages,
  ...deployableApplications.flatMap(applicationImages),
  ...[
    ...Object.values(platformImages),
    ...allCharts(versions.istio).flatMap(({ images }) => Object.values(images)),
    ...Object.values(benchmarkImages),
    ...Object.values(verificationImages),
  ].map(imageName),
].sort();

/** The last part of an image's name, by which people know it: `grafana` of `docker.io/grafana/grafana:13.2.0`. */
export function imageName(image: string): string {
  return (image.split("/").at(-1) ?? image).replace(/[:@].*/, "");
}

/**
 * What is pulled for an image: from the mirror of the settings, and by digest where they have one. The tag stays, for
 * people; a digest next to it is what decides. `image` has registry and tag: `docker.io/istio/pilot:1.31.1`.
 */
export function imageReference(images: Pick<ImagesSettings, "mirrors" | "digests">, image: string): string {
  const digest = own(images.digests, imageName(image));
  return digest === undefined ? mirrored(images, image) : `${mirrored(images, image)}@${digest}`;
}

/** A registry, a path or an image, with its beginning replaced as `images.mirrors` says: the longest that fits decides. */
export function mirrored({ mirrors }: Pick<ImagesSettings, "mirrors">, name: string): string {
  // A prefix ends where a part of the name does: before a slash, or before the tag.
  const fitting = Object.entries(mirrors).filter(
    ([prefix]) => name.startsWith(prefix) && /^($|\/|:[^/]*$)/.test(name.slice(prefix.length)),
  );
  const [best] = fitting.sort(([a], [b]) => b.length - a.length);
  return best ? best[1] + name.slice(best[0].length) : name;
}
