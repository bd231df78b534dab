import { asTree, isTree, type Tree } from "../../components/shared/merge";
import type { GuardedResource } from "./guardrail";
import { containersIn, type GuardedRelease, releaseIn, stringIn, valueAt } from "./resources";

export interface GuardedImage {
  /** A container, or a path in the values of a release. */
  readonly at: string;
  /** Without tag and digest. */
  readonly image: string;
  readonly tag?: string | undefined;
  readonly digest?: string | undefined;
}

/** Images that the resource names: of the containers of an object, or among the values of a release. */
export function imagesIn(resource: GuardedResource): GuardedImage[] {
  const release = releaseIn(resource);
  if (release) return [...istioImages(release), ...imagesInValues(release.values, "values")];
  return containersIn(resource).flatMap(({ name, props }) => {
    const image = stringIn(props, "image");
    // The injector puts in the proxy's own.
    return image === undefined || image === "auto" ? [] : [{ at: `container ${name}`, ...parsed(image) }];
  });
}

/** `registry:5000/name:tag@sha256:...`: a colon before a slash is that of a port. */
function parsed(reference: string): Omit<GuardedImage, "at"> {
  const [named = "", digest] = reference.split("@");
  const [, image = named, tag] = /^(.*?)(?::([^/:]*))?$/.exec(named) ?? [];
  return { image, tag: tag === "" ? undefined : tag, digest };
}

/** Where Istio's charts take a full name; without one they make it of hub and tag. */
const imagePaths: ReadonlyMap<string, readonly (readonly [name: string, path: string])[]> = new Map([
  [
    "istiod",
    [
      ["pilot", "pilot.image"],
      ["proxyv2", "global.proxy.image"],
    ],
  ],
  ["cni", [["install-cni", "cni.image"]]],
  ["ztunnel", [["ztunnel", "image"]]],
]);

function istioImages({ chart, values }: GuardedRelease): GuardedImage[] {
  return (imagePaths.get(chart) ?? []).flatMap(([name, path]) => {
    // With a slash it is a full name, which is found among the values.
    if (stringIn(values, path)?.includes("/")) return [];
    const { hub, tag } = asTree(chart === "ztunnel" ? values : valueAt(values, "global"));
    const image = `${typeof hub === "string" ? hub : "docker.io/istio"}/${name}`;
    // The chart's own tag is its version.
    return [{ at: `values.${path}`, image, tag: typeof tag === "string" ? tag : "the chart's own" }];
  });
}

/** Full names, and the parts of names that charts take: registry, repository, tag, digest. */
function imagesInValues(values: Tree, at: string): GuardedImage[] {
  const { registry, repository, tag, digest } = values;
  const found: GuardedImage[] = [];
  if (typeof repository === "string" && (typeof tag === "string" || typeof digest === "string")) {
    const image = typeof registry === "string" && registry !== "" ? `${registry}/${repository}` : repository;
    const whole = parsed(typeof tag === "string" && tag !== "" ? `${image}:${tag}` : image);
    found.push({ at, ...whole, ...(typeof digest === "string" && digest !== "" && { digest }) });
  }
  // Kiali's chart.
  const { image_name: name, image_version: version } = values;
  if (typeof name === "string" && typeof version === "string") found.push({ at, ...parsed(`${name}:${version}`) });
  for (const [key, value] of Object.entries(values)) {
    if (isTree(value)) found.push(...imagesInValues(value, `${at}.${key}`));
    else if (/image$/i.test(key) && typeof value === "string" && value.includes("/"))
      found.push({ at: `${at}.${key}`, ...parsed(value) });
  }
  return found;
}
