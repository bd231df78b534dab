import { z } from "zod";
import { dnsLabel, dnsSubdomain, freeForm, resources, version } from "./common";

/** `talos-mesh:mesh`: what is installed, and how it is set up. */

const valuesPerChart = z
  .strictObject({
    base: freeForm.optional(),
    cni: freeForm.optional(),
    istiod: freeForm.optional(),
    ztunnel: freeForm.optional(),
    gateway: freeForm.optional(),
  })
  .describe("Helm values merged over ours, a chart each.");

export const mesh = z.strictObject({
  version: version.describe("Istio release."),
  profile: z.enum(["default", "demo", "minimal", "ambient", "preview", "stable"]).default("default"),
  dataPlane: z.enum(["sidecar", "ambient"]).default("sidecar"),
  mtls: z.enum(["STRICT", "PERMISSIVE"]).default("STRICT").describe("PeerAuthentication of the whole mesh."),
  outboundTrafficPolicy: z.enum(["REGISTRY_ONLY", "ALLOW_ANY"]).default("ALLOW_ANY"),
  trustDomain: dnsSubdomain.default("cluster.local"),
  accessLog: z.boolean().optional().describe("Envoy's access log to stdout; default: as the profile has it."),
  holdApplicationUntilProxyStarts: z.boolean().default(true),
  dnsCapture: z.boolean().optional(),
  proxyResources: resources.optional(),
  sidecarScoping: z.boolean().optional().describe("Sidecar resources generated from who talks to whom."),
  revision: dnsLabel.optional().describe("Revision of this control plane, for canary upgrades."),
  tags: z.record(dnsLabel, dnsLabel).default({}).describe("Revision tag: revision."),
  namespaces: z
    .record(
      dnsLabel,
      z.strictObject({ dataPlane: z.enum(["sidecar", "ambient", "none"]).optional(), revision: dnsLabel.optional() }),
    )
    .default({})
    .describe("What differs from the mesh in a namespace."),
  waypoints: z
    .array(z.strictObject({ namespace: dnsLabel, service: dnsLabel.optional(), ingress: z.boolean().default(false) }))
    .default([])
    .describe("Ambient: waypoints by namespace or by service."),
  keepCRDs: z.boolean().default(true).describe("Whether Istio's CRDs stay when the mesh is destroyed."),
  values: valuesPerChart.default({}),
});

export type MeshSettings = z.output<typeof mesh>;
