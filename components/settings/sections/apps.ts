import { z } from "zod";
import { portProtocols } from "../../shared/workload";
import { dnsLabel, exactlyOneOf, flag, labels, port, some } from "../fields";

/** `talos-mesh:applications`: workloads that are deployed elsewhere. */

const servicePort = z.strictObject({
  name: dnsLabel.optional().describe("Needed where the Service has several ports."),
  port,
  targetPort: port
    .optional()
    .describe("Of its pods, as a number also where the Service has its name. Default: the number of port."),
  protocol: z
    .enum(portProtocols)
    .optional()
    .describe("Default: as Istio reads the name (`tcp-db`, `grpc`), else http."),
});

const versionService = z.strictObject({
  service: dnsLabel.optional().describe("Default: <name>-<version>."),
  port: port.optional().describe("Default: the ports of the main Service."),
});

const workload = exactlyOneOf(
  {
    name: dnsLabel.describe("The Service."),
    labels: labels
      .optional()
      .describe("The labels that select its pods; {}: a Service without selector. Default: { app: <name> }."),
    serviceAccount: dnsLabel.default("default").describe("Its identity in rules."),
    port: port.optional().describe("The Service's only port, which serves HTTP."),
    ports: some(servicePort).describe("All ports of the Service; the first is the one that messages name."),
    podPorts: some(port).describe(
      "Ports of its pods that the Service does not have, such as that of metrics, for policies by port.",
    ),
    headless: flag("The Service has no address (clusterIP: None), as those of StatefulSets: clients choose a pod."),
    versions: z.array(dnsLabel).default([]).describe("Values of the pods' `version` label."),
    versionServices: z
      .union([z.boolean(), z.record(dnsLabel, versionService)], {
        error: "expected true, or for each version {service, port}",
      })
      .default(false)
      .describe(
        "There is a Service <name>-<version> for each version, for routes in the ambient data plane; or by version.",
      ),
  },
  ["port", "ports"],
);

export const applications = z
  .array(z.strictObject({ namespace: dnsLabel, workloads: z.array(workload).min(1) }))
  .describe("Applications that are deployed elsewhere, for use in policies.");

export type DeclaredWorkloadSettings = z.output<typeof workload>;
