import { z } from "zod";
import {
  dnsLabel,
  dnsSubdomain,
  duration,
  freeForm,
  nodePort,
  percentage,
  port,
  resources,
  secretRef,
  version,
} from "./common";
import { officialCharts, officialHub } from "../versions";

/** `talos-mesh:charts`, `images`, `mesh`, `gateways`: what is installed, from where, and how it is set up. */

export const charts = z.strictObject({
  source: z
    .union(
      [
        z.literal("auto"),
        z.string().regex(/^https?:\/\/[^\s/]+/),
        z.string().regex(/^oci:\/\/[^\s/]+\/\S+/),
        z.string().regex(/^(\.{1,2}\/|\/)\S+/),
      ],
      { error: "expected a chart repository (https://...), a registry (oci://...), a folder (./...), or auto" },
    )
    .default(officialCharts)
    .describe(
      "Where Istio's charts come from: a Helm repository (https://), an OCI registry (oci://), or a folder with one folder a chart (./charts). " +
        "`auto` (clusters of kind embedded only): the official repository, and where it cannot be reached the stand-ins of lab/charts.",
    ),
});

export const images = z.strictObject({
  hub: z.string().min(1).default(officialHub).describe("Registry and path of Istio's and Bookinfo's images."),
  pullPolicy: z.enum(["Always", "IfNotPresent", "Never"]).optional(),
  pullSecrets: z
    .array(z.strictObject({ name: dnsSubdomain, dockerConfigJson: secretRef }))
    .default([])
    .describe("Pull secrets made in every namespace of the mesh."),
  digests: z
    .record(z.string(), z.string().regex(/^sha256:[0-9a-f]{64}$/))
    .default({})
    .describe("image name: digest"),
});

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

const servicePort = z.strictObject({ port, nodePort: nodePort.optional() });

const gatewayDeployment = z.strictObject({
  namespace: dnsLabel.optional().describe("Default: istio-<name>."),
  serviceType: z.enum(["NodePort", "LoadBalancer", "ClusterIP"]).default("NodePort"),
  ports: z
    .strictObject({ status: servicePort.optional(), http: servicePort.optional(), https: servicePort.optional() })
    .default({}),
  replicas: z.int().min(1).optional(),
  autoscale: z.strictObject({ min: z.int().min(1), max: z.int().min(1), cpuUtilization: percentage }).optional(),
  podDisruptionBudget: z.strictObject({ minAvailable: z.int().min(0) }).optional(),
  antiAffinity: z.boolean().optional(),
  resources: resources.optional(),
  loadBalancerTimeout: duration.optional(),
  tls: z
    .strictObject({
      certificate: secretRef.optional(),
      privateKey: secretRef.optional(),
      caCertificate: secretRef.optional().describe("Mode MUTUAL: who signs the clients' certificates."),
      selfSigned: z.boolean().default(false).describe("A certificate made here; dev only."),
      mode: z.enum(["SIMPLE", "MUTUAL", "PASSTHROUGH"]).default("SIMPLE"),
      httpsRedirect: z.boolean().default(false).describe("Answer plain HTTP with a redirect to HTTPS."),
    })
    .optional(),
});

export const gateways = z
  .strictObject({ ingress: gatewayDeployment.optional(), egress: gatewayDeployment.optional() })
  .describe("Proxies at the mesh's edge, each a Helm release of its own, named istio-ingress and istio-egress.");

export type ChartsSettings = z.output<typeof charts>;
export type ImagesSettings = z.output<typeof images>;
export type MeshSettings = z.output<typeof mesh>;
export type GatewaysSettings = z.output<typeof gateways>;
export type GatewayDeploymentSettings = z.output<typeof gatewayDeployment>;
