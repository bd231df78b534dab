import { deployment, outsideDev, release, type ResourceGuardrail } from "../guardrail";
import { imagesIn } from "../images";

export const imagesPinned: ResourceGuardrail = {
  id: "images-pinned",
  title: "Images have a version",
  why: "`latest`, or no tag, is another image tomorrow: two pods of one Deployment can run different code.",
  severity: outsideDev,
  sees: "Images of pods, and images and tags among the values of releases; not the default images of charts, which the chart's version pins.",
  scope: "resource",
  *check(resource) {
    for (const { at, image, tag, digest } of imagesIn(resource)) {
      if (digest !== undefined || (tag !== undefined && !/^latest(-|$)/.test(tag))) continue;
      const found = tag === undefined ? `${image} without a tag` : `${image} by tag ${tag}`;
      yield `${at}: found ${found}; name a version, such as ${image}:1.2.3, or a digest`;
    }
  },
  passing: {
    resources: [
      deployment({ image: "docker.io/istio/examples-bookinfo-details-v1:1.20.3" }),
      release("istiod", "istio-system", { global: { tag: "1.31.1" } }),
    ],
  },
  failing: { resources: [deployment({ image: "docker.io/istio/examples-bookinfo-details-v1:latest" })] },
};
