import { controlPlanes, sharedVersions } from "../model/control-planes";
import { hasAmbient } from "../model/data-planes";
import type { IstioImage } from "../model/images";
import { officialHub } from "../settings/versions";
import type { HelmValues } from "../shared/helm-release";
import { asTree } from "../shared/merge";
import type { MeshValuesInput } from "./values/common-values";
import { cniValues, istiodValues, ztunnelValues } from "./values/istio-charts";

export interface PulledImage {
  readonly component: string;
  readonly image: string;
  /** The image at its publisher, from which a mirror is filled. */
  readonly source: string;
}

/**
 * Istio's images, read from the values of its charts, so that everything a user sets there is in the list. During a
 * canary upgrade the list has the images of both control planes and of their proxies.
 */
export function meshImages(input: MeshValuesInput): PulledImage[] {
  const { mesh } = input;
  const agents = { ...input, mesh: { ...mesh, version: sharedVersions(mesh).oldest } };
  const images = controlPlanes(mesh).flatMap((plane) => {
    const values = istiodValues({ ...input, mesh: plane.mesh });
    return [
      pulledImage(plane.istiod, "pilot", [asTree(values.pilot), asTree(values.global)]),
      pulledImage("proxies", "proxyv2", [asTree(asTree(values.global).proxy), asTree(values.global)]),
    ];
  });
  const cni = cniValues(agents);
  images.push(pulledImage("istio-cni", "install-cni", [asTree(cni.cni), asTree(cni.global)]));
  if (hasAmbient(mesh)) {
    const ztunnel = ztunnelValues(agents);
    images.push(pulledImage("ztunnel", "ztunnel", [ztunnel, asTree(ztunnel.global)]));
  }
  return [...new Map(images.map((image) => [JSON.stringify(image), image])).values()];
}

/**
 * Composed as the charts do it: an image with a slash is a full name; otherwise hub, image, tag and variant each come from
 * the first level that sets them.
 */
function pulledImage(component: string, name: IstioImage, levels: readonly HelmValues[]): PulledImage {
  const first = (key: string) =>
    levels.map((level) => level[key]).find((value): value is string => typeof value === "string" && value !== "");
  const image = first("image") ?? name;
  const variant = first("variant");
  const tag = `${first("tag") ?? ""}${variant === undefined ? "" : `-${variant}`}`;
  return {
    component,
    image: image.includes("/") ? image : `${first("hub") ?? ""}/${image}:${tag}`,
    source: `${officialHub}/${name}:${tag}`,
  };
}
