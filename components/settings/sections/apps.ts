import { z } from "zod";
import { dnsLabel, port, resources } from "../fields";

/** `talos-mesh:bookinfo` and `talos-mesh:applications`: the workloads that policies speak of. */

export const bookinfo = z.strictObject({
  namespace: dnsLabel.default("bookinfo"),
  injection: z
    .enum(["namespace", "pod", "static", "none"])
    .default("namespace")
    .describe("How pods get their sidecar: by a label of the namespace, by a label of the pod, or written out."),
  image: z
    .strictObject({
      registry: z.string().min(1).optional().describe("Default: the hub of talos-mesh:images."),
      tag: z.string().min(1).optional().describe("Default: the tag this release is tested with."),
    })
    .default({}),
  replicas: z.int().min(0).default(1),
  resources: resources.optional().describe("Of every container of Bookinfo."),
});

const workload = z.strictObject({
  name: dnsLabel.describe("The Service and the `app` label."),
  serviceAccount: dnsLabel.describe("Its identity in rules."),
  port: port.describe("The Service's port."),
  versions: z.array(dnsLabel).default([]).describe("Values of the pods' `version` label."),
  versionServices: z
    .boolean()
    .default(false)
    .describe("There is a Service <name>-<version> for each version, as routes in the ambient data plane need."),
});

export const applications = z
  .array(z.strictObject({ namespace: dnsLabel, workloads: z.array(workload).min(1) }))
  .describe("Applications that are deployed by others and that policies may name.");

export type BookinfoSettings = z.output<typeof bookinfo>;
