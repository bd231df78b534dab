import { z } from "zod";
import { flag } from "../fields";
import { certManager } from "./cert-manager";
import { loadBalancer } from "./load-balancer";

/** `talos-mesh:platform`: what the mesh expects a cluster to have. */
export const platform = z.strictObject({
  gatewayApi: z
    .strictObject({
      install: z.boolean().default(true).describe("Off where the cluster brings its own Gateway API CRDs."),
    })
    .default({ install: true }),
  metricsServer: flag("metrics-server; HPAs need it."),
  kubeletServingCertApprover: flag("Approves kubelet serving certificates, which rotate-server-certificates needs."),
  loadBalancer: loadBalancer.optional(),
  certManager: certManager.optional(),
});

export type PlatformSettings = z.output<typeof platform>;
