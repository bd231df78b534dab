import { z } from "zod";
import { dnsLabel, off, port } from "../fields";

/** `talos-mesh:applications`: workloads that are deployed elsewhere. */

const workload = z.strictObject({
  name: dnsLabel.describe("The Service and the `app` label."),
  serviceAccount: dnsLabel.describe("Its identity in rules."),
  port: port.describe("The Service's port."),
  versions: z.array(dnsLabel).default([]).describe("Values of the pods' `version` label."),
  versionServices: off("There is a Service <name>-<version> for each version, for routes in the ambient data plane."),
});

export const applications = z
  .array(z.strictObject({ namespace: dnsLabel, workloads: z.array(workload).min(1) }))
  .describe("Applications that are deployed elsewhere, for use in policies.");
