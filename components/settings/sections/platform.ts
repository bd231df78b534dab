import { z } from "zod";
import { flag, form, off } from "../fields";
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
  localPath: z
    .strictObject({
      path: form('/[^\\s"]+', "expected the path of a folder")
        .default("/var/mnt/local-path-provisioner")
        .describe("Folder on each node. On Talos that of a user volume, /var/mnt/<name>."),
      defaultClass: off("Its StorageClass is that of claims which name none."),
    })
    .optional()
    .describe("Volumes of one node's disk, of StorageClass local-path, by Rancher's local-path-provisioner: for labs."),
});

export type PlatformSettings = z.output<typeof platform>;
