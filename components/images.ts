import { applicationImages, fullImageName } from "./apps/application";
import { configuredApplications } from "./apps/registry";
import { ciliumImages } from "./cluster/kinds/cilium";
import { runImages } from "./benchmark/plan/settings";
import { meshImages, type PulledImage } from "./mesh/images";
import { issuedAuthority } from "./mesh/values/istio-csr";
import { productImages } from "./platform/products/registry";
import { addonImages } from "./observability/addons/registry";
import { imageReference } from "./model/images";
import { ownedLayers } from "./model/layers";
import type { Settings } from "./settings/schema";
import { clientImages } from "./verification/run/run-plan";
import { officialHub, platformImages } from "./settings/versions";

/**
 * Every image that an environment pulls, from the values that its charts and objects get: what a mirror or an air-gapped
 * site needs. What Kubernetes and Talos themselves pull is theirs to list: `talosctl image default`.
 */
export function environmentImages(settings: Settings): PulledImage[] {
  const { images, mesh, observability, platform, benchmark, verification } = settings;
  const official = (component: string, source: string): PulledImage => ({
    component,
    image: imageReference(images, source),
    source,
  });
  // Neither changes an image.
  const cluster = { simulatedNodes: false, talos: false };
  return [
    ...(platform.metricsServer ? [official("metrics-server", platformImages.metricsServer)] : []),
    ...(platform.kubeletServingCertApprover
      ? [official("kubelet-serving-cert-approver", platformImages.kubeletServingCertApprover)]
      : []),
    ...(platform.localPath
      ? [platformImages.localPath, platformImages.busybox].map((image) => official("local-path-provisioner", image))
      : []),
    ...(settings.cluster.kind === "talos" && settings.cluster.cni.name === "cilium"
      ? ciliumImages(settings.cluster).map((image) => official("cilium", image))
      : []),
    ...productImages(settings).map((image) => official("platform", image)),
    ...(ownedLayers(settings).has("mesh") ? meshImages({ mesh, images, cluster }) : []),
    ...(issuedAuthority(mesh) ? [official("istio-csr", platformImages.istioCsr)] : []),
    ...addonImages(observability, mesh.version).map((image) => official("observability", image)),
    ...configuredApplications(settings).flatMap((configured) =>
      applicationImages(configured.application).map((name) => ({
        component: configured.application.name,
        image: imageReference(images, fullImageName(configured, name, images.hub)),
        source: `${officialHub}/${name}:${configured.settings.image.tag ?? configured.application.version}`,
      })),
    ),
    ...(verification?.enabled ? [{ component: "verification", ...clientImages(verification, images) }] : []),
    ...(benchmark ? runImages(benchmark, images) : []).map((image) => ({ component: "benchmark", ...image })),
  ];
}
