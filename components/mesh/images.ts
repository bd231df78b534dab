import { controlPlanes, sharedVersions } from "../model/control-planes";
import { hasAmbient } from "../model/data-planes";
import type { IstioImage } from "../model/images";
import { officialHub } from "../settings/versions";
import type { HelmValues } from "../shared/helm-release";
import { cniValues } from "./values/cni";
import type { MeshValuesInput } from "./values/input";
import { istiodValues } from "./values/istiod";
import { ztunnelValues } from "./values/ztunnel";

/** An image that an environment pulls. */
export interface PulledImage {
  /** The part of the environment whose pods run it. */
  readonly component: string;
  /** What is pulled. */
  readonly image: string;
  /** The image as its makers name it: what a mirror is filled with. */
  readonly source: string;
}

/**
 * Istio's images, read from the values that its charts get, so that whatever a user sets there is in the list. During
 * an upgrade there are those of two control planes, and of the proxies of both.
 */
export function meshImages(input: MeshValuesInput): PulledImage[] {
  const { mesh } = input;
  const agents = { ...input, mesh: { ...mesh, version: sharedVersions(mesh).oldest } };
  const images = controlPlanes(mesh).flatMap((plane) => {
    const values = istiodValues({ ...input, mesh: plane.mesh });
    return [
      pulled(plane.istiod, "pilot", [under(values, "pilot"), under(values, "global")]),
      pulled("proxies", "proxyv2", [under(under(values, "global"), "proxy"), under(values, "global")]),
    ];
  });
  const cni = cniValues(agents);
  images.push(pulled("istio-cni", "install-cni", [under(cni, "cni"), under(cni, "global")]));
  if (hasAmbient(mesh)) {
    const ztunnel = ztunnelValues(agents);
    images.push(pulled("ztunnel", "ztunnel", [ztunnel, under(ztunnel, "global")]));
  }
  return [...new Map(images.map((image) => [JSON.stringify(image), image])).values()];
}

/** As the charts put it together: a name with a slash is whole, and anything else is looked up where it is told first. */
function pulled(component: string, name: IstioImage, levels: readonly HelmValues[]): PulledImage {
  const told = (key: string) => {
    const value = levels.map((level) => level[key]).find((each) => typeof each === "string" && each !== "");
    return typeof value === "string" ? value : undefined;
  };
  const image = told("image") ?? name;
  const variant = told("variant");
  const tag = `${told("tag") ?? ""}${variant === undefined ? "" : `-${variant}`}`;
  return {
    component,
    image: image.includes("/") ? image : `${told("hub") ?? ""}/${image}:${tag}`,
    source: `${officialHub}/${name}:${tag}`,
  };
}

function under(values: HelmValues, key: string): HelmValues {
  const value = values[key];
  return typeof value === "object" && value !== null ? (value as HelmValues) : {};
}
