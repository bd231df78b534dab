import { deployment, inProduction, release, type ResourceGuardrail } from "../guardrail";
import { imagesIn } from "../images";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;

export const imagesByDigest: ResourceGuardrail = {
  id: "images-by-digest",
  title: "Images are pulled by digest in production",
  why: "A registry can give another image for the same tag; a digest is the content that was tested.",
  severity: inProduction,
  sees: "Images of pods, and images and tags among the values of releases: those of istiod, istio-cni, ztunnel and of every addon. Not the images of probes and of the benchmark, which a command starts. `npm run images` lists what a stack pulls.",
  scope: "resource",
  *check(resource) {
    const byTag = imagesIn(resource).filter((found) => found.digest === undefined);
    if (byTag.length === 0) return;
    const found = byTag.map(({ at, image, tag }) => `${at}: ${image}${tag === undefined ? "" : `:${tag}`}`);
    yield `without a digest: ${found.join(", ")}; set talos-mesh:images.digests (npm run images lists the names)`;
  },
  passing: {
    resources: [
      deployment({ image: `docker.io/istio/examples-bookinfo-details-v1:1.20.3@${digest}` }),
      release("istiod", "istio-system", {
        pilot: { image: `docker.io/istio/pilot:1.31.1@${digest}` },
        global: { tag: "1.31.1", proxy: { image: `docker.io/istio/proxyv2:1.31.1@${digest}` } },
      }),
    ],
  },
  failing: {
    resources: [
      deployment({ image: "docker.io/istio/examples-bookinfo-details-v1:1.20.3" }),
      release("istiod", "istio-system", { global: { hub: "docker.io/istio", tag: "1.31.1" } }),
    ],
  },
};
