import { imageReference } from "../model/images";
import type { BenchmarkSettings } from "../settings/sections/benchmark";
import type { ImagesSettings } from "../settings/sections/images";
import { officialHub } from "../settings/versions";
import { type ResolvedBenchmark, resolveBenchmark } from "./plan/resolve";

/** An image under the name of its part. */
type Images = ResolvedBenchmark["images"];

/** What is pulled for each image: under the hub, from the mirror, by digest, as the settings say. */
export function pulledImages(settings: BenchmarkSettings, images: ImagesSettings): Images {
  const { fortio, iperf3, details } = resolveBenchmark(settings).images;
  const underHub = settings.images.details ?? details.replace(officialHub, images.hub);
  const reference = (image: string) => imageReference(images, image);
  return { fortio: reference(fortio), iperf3: reference(iperf3), details: reference(underHub) };
}

/** The images that a benchmark's pods run, each with its makers' name or the one of the settings. */
export function runImages(
  settings: BenchmarkSettings,
  images: ImagesSettings,
): readonly { readonly image: string; readonly source: string }[] {
  const { target, images: sources } = resolveBenchmark(settings);
  const pulled = pulledImages(settings, images);
  const used = target === "details" ? (["fortio", "iperf3", "details"] as const) : (["fortio", "iperf3"] as const);
  return used.map((name) => ({ image: pulled[name], source: sources[name] }));
}
