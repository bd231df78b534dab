import { z } from "zod";

/** `talos-mesh:platform`: what the mesh expects a cluster to have. */
export const platform = z.strictObject({
  gatewayApi: z
    .strictObject({
      install: z.boolean().default(true).describe("Off where the cluster brings its own Gateway API CRDs."),
    })
    .default({ install: true }),
  metricsServer: z.boolean().optional().describe("metrics-server; HPAs need it."),
  kubeletServingCertApprover: z
    .boolean()
    .optional()
    .describe("Approves kubelet serving certificates, which rotate-server-certificates needs."),
});

export type PlatformSettings = z.output<typeof platform>;
