import { controlPlanes, sharedVersions } from "../model/control-planes";
import { hasAmbient } from "../model/data-planes";
import type { IstioImage } from "../model/images";
import { officialHub } from "../settings/versions";
import { asTree } from "../shared/merge";
import type { MeshValuesInput } from "./values/common-values";
import { cniValues, istiodValues, ztunnelValues } from "./values/istio-charts";
import { own } from "../shared/own";

export type PulledImage = Readonly<ReturnType<typeof pulledImage>>;

/**
 * Istio's images, read from the values of its charts, so that everything a user sets there is in the list. During a
 * canary upgrade the list has the images of both control planes and of their proxies.
 */
export function meshImages(input: MeshValuesInput) {
  const { mesh } = input;
  const agents = { ...input, mesh: { ...mesh, version: sharedVersions(mesh).oldest } };
  const [cni, ztunnel] = [cniValues(agents), ztunnelValues(agents)];
  const images = [
    ...controlPlanes(mesh).flatMap(({ istiod, mesh }) => {
      const { pilot, global } = istiodValues({ ...input, mesh });
      const ofProxies = (...levels: readonly unknown[]) =>
        pulledImage("proxies", "proxyv2", ...levels, asTree(global).proxy, global);
      const types = (mesh.proxyConfigs ?? []).flatMap(({ image }) => image ?? []);
      return [
        pulledImage(istiod, "pilot", pilot, global),
        ofProxies(),
        ...types.map(({ imageType }) => ofProxies({ variant: imageType })),
      ];
    }),
    pulledImage("istio-cni", "install-cni", cni.cni, cni.global),
    ...(hasAmbient(mesh) ? [pulledImage("ztunnel", "ztunnel", ztunnel, ztunnel.global)] : []),
  ];
  return [...new Map(images.map((image) => [JSON.stringify(image), image])).values()];
}

/**
 * Composed as the charts do it: an image with a slash is a full name; otherwise hub, image, tag and variant each come from
 * the first level that sets them.
 */
function pulledImage(component: string, name: IstioImage, ...levels: readonly unknown[]) {
  const values = levels.map(asTree);
  const first = (key: string) =>
    values.map((level) => own(level, key)).find((value): value is string => typeof value === "string" && value !== "");
  const image = first("image") ?? name;
  const variant = first("variant");
  const tag = `${first("tag") ?? ""}${variant === undefined ? "" : `-${variant}`}`;
  return {
    component,
    image: image.includes("/") ? image : `${first("hub") ?? ""}/${image}:${tag}`,
    /** The image at its publisher, from which a mirror is filled. */
    source: `${officialHub}/${name}:${tag}`,
  };
}
