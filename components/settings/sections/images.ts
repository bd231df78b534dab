import { z } from "zod";
import { officialCharts, officialHub } from "../versions";
import { dnsSubdomain, httpUrl, image, imagePrefix, portDigits, secretRef } from "../fields";

/** `talos-mesh:charts` and `images`: from where everything is pulled. */

/** A source of charts, or a word for one. */
const chartPlace = (word: string) =>
  z.union(
    [
      z.literal(word),
      httpUrl,
      z.string().regex(new RegExp(`^oci://[A-Za-z0-9.-]+(:${portDigits})?/\\S+$`)),
      z.string().regex(/^(\.{1,2}\/|\/)\S+/),
    ],
    { error: `expected a chart repository (https://...), a registry (oci://...), a folder (./...), or ${word}` },
  );

export const charts = z.strictObject({
  source: chartPlace("auto")
    .default(officialCharts)
    .describe(
      "Where Istio's charts come from: a Helm repository (https://), an OCI registry (oci://), or a folder with one folder a chart (./charts). " +
        "`auto` (clusters of kind embedded only): the official repository, and where it cannot be reached the stand-ins of embedded/charts.",
    ),
  addons: chartPlace("makers")
    .optional()
    .describe(
      "Where the charts of talos-mesh:observability and talos-mesh:platform come from, where it is not the place of Istio's charts; `makers`: each from its makers' own repository.",
    ),
});

export const images = z.strictObject({
  hub: imagePrefix
    .default(officialHub)
    .describe("Registry and path of the images of Istio and of deployed applications."),
  mirrors: z
    .record(imagePrefix, imagePrefix)
    .default({})
    .describe("Beginning of image names: what replaces it. The longest that fits decides."),
  pullPolicy: z.enum(["Always", "IfNotPresent", "Never"]).optional(),
  pullSecrets: z
    .array(z.strictObject({ name: dnsSubdomain, dockerConfigJson: secretRef }))
    .default([])
    .describe("Pull secrets of the pods in every namespace."),
  digests: z
    .record(image, z.string().regex(/^sha256:[0-9a-f]{64}$/, "expected sha256: and 64 hexadecimal digits"))
    .default({})
    .describe("Name of an image, as `npm run images` prints it: its digest. It is then pulled by digest."),
});

export type ImagesSettings = z.output<typeof images>;
