import { z } from "zod";
import {
  dnsLabel,
  dnsSubdomain,
  exactlyOneOf,
  flag,
  freeForm,
  hostName,
  off,
  secretRef,
  some,
  version,
} from "../fields";
import { resources, seconds } from "../quantities";
import { proxyConfigs, sidecars } from "./proxies";

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

/** https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ProxyPathNormalization */
export const pathNormalizations = ["NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"] as const;

export type PathNormalization = (typeof pathNormalizations)[number];

/** Shorter than a DNS label: names of releases (`istiod-<revision>`, `istio-tag-<tag>`), which have 53 characters, contain it. */
const revisionName = dnsLabel.max(40);

const canary = z
  .strictObject({
    version: version.describe("Istio release, at most one minor version away from mesh.version."),
    revision: revisionName,
    values: freeForm.default({}).describe("Helm values of its istiod, merged over mesh.values.istiod."),
  })
  .describe("A second control plane next to the first, for an upgrade namespace by namespace.");

/** https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/ */
const ca = z
  .discriminatedUnion(
    "kind",
    [
      z.strictObject({ kind: z.literal("self-signed").describe("istiod creates its root and keeps it. The default.") }),
      z.strictObject({
        kind: z.literal("plugged").describe("An intermediate authority of yours, which istiod signs with."),
        certificate: secretRef.describe("PEM: the intermediate certificate."),
        privateKey: secretRef.describe("PEM: its key, without a passphrase."),
        rootCertificate: secretRef.describe("PEM: the root; two of them while one replaces the other."),
        certificateChain: secretRef
          .optional()
          .describe("PEM: the certificate, then those between it and its root. Default: the certificate alone."),
      }),
      exactlyOneOf(
        {
          kind: z
            .literal("cert-manager")
            .describe("An issuer of cert-manager, which istio-csr asks in place of istiod."),
          clusterIssuer: dnsSubdomain.optional().describe("One of platform.certManager.issuers, where that is set."),
          issuer: dnsSubdomain.optional().describe("An Issuer that exists in istio-system."),
          rootCertificate: secretRef
            .optional()
            .describe(
              "PEM: the root; two of them while one replaces the other. Default: what the issuer returns, which leaves no time with both.",
            ),
          duration: seconds.default("24h").describe("Of the certificates of workloads, at least 1h. Default: 24h."),
        },
        ["clusterIssuer", "issuer"],
      ),
    ],
    {
      error: ({ code }) =>
        code === "invalid_union" ? "expected one of: self-signed, plugged, cert-manager" : undefined,
    },
  )
  .describe("What signs the certificates of workloads.");

export const mesh = z.strictObject({
  version: version.describe("Istio release."),
  profile: z
    .enum(["default", "demo", "minimal", "ambient", "preview", "stable"])
    .default("default")
    .describe("Values of Istio's charts, below `values`: `npm run profile -- list`."),
  compatibilityVersion: z
    .string()
    .regex(/^1\.\d+$/, "expected a minor version such as 1.30")
    .optional()
    .describe("After an upgrade, keeps defaults of an older minor version."),
  platform: z
    .enum(["gke", "k3d", "k3s", "microk8s", "minikube", "openshift"])
    .optional()
    .describe("For a Kubernetes other than Talos; clusters of kind existing only."),
  dataPlane: z
    .enum(["sidecar", "ambient"])
    .default("sidecar")
    .describe("sidecar: a proxy in each pod; ambient: ztunnel on each node, and the waypoints of `waypoints`."),
  mtls: z.enum(["STRICT", "PERMISSIVE"]).default("STRICT").describe("PeerAuthentication of the whole mesh."),
  outboundTrafficPolicy: z.enum(["REGISTRY_ONLY", "ALLOW_ANY"]).default("ALLOW_ANY"),
  pathNormalization: z
    .enum(pathNormalizations)
    .optional()
    .describe("How proxies read paths. Default: MERGE_SLASHES where rules name paths, else Istio's, BASE."),
  trustDomain: hostName.default("cluster.local"),
  trustDomainAliases: some(hostName).describe(
    "Other trust domains whose identities rules take for those of the mesh, such as its former one.",
  ),
  accessLog: flag("Envoy's access log to stdout; default: as the profile has it."),
  holdApplicationUntilProxyStarts: flag("Sidecars; default: true."),
  dnsCapture: flag("Whether proxies answer DNS. Default: ztunnel does, sidecars as the profile has it."),
  proxyResources: resources.optional().describe("Of every sidecar and every waypoint; ztunnel's: values.ztunnel."),
  ca: ca.optional(),
  untaintNodes: off("istiod removes the taint cni.istio.io/not-ready from a node once istio-cni is ready there."),
  sidecarScoping: flag("Proxies are configured only with the services that their workload may call."),
  sidecars,
  proxyConfigs,
  revision: revisionName.optional().describe("Such as 1-31-1. Default: none, which Istio calls `default`."),
  canary: canary.optional(),
  tags: z
    .record(revisionName, revisionName)
    .default({})
    .describe("Revision tag: revision (`default`: the control plane without a revision)."),
  namespaces: z
    .record(
      dnsLabel,
      z.strictObject({
        dataPlane: z.enum(["sidecar", "ambient", "none"]).optional().describe("Default: mesh.dataPlane."),
        revision: revisionName.optional().describe("Tag or revision of its proxies. Default: mesh.revision."),
      }),
    )
    .default({})
    .describe("What differs from the mesh in a namespace."),
  waypoints: z
    .array(
      z.strictObject({
        namespace: dnsLabel,
        service: dnsLabel.optional().describe("Default: every service of the namespace without one of its own."),
        ingress: off("Requests from gateways go through the waypoint as well."),
      }),
    )
    .default([])
    .describe("Ambient: proxies for what needs HTTP, by namespace or by service."),
  keepCRDs: z.boolean().default(true).describe("Whether Istio's CRDs stay when the mesh is destroyed."),
  values: valuesPerChart.default({}),
});

export type MeshSettings = z.output<typeof mesh>;
export type IssuedAuthoritySettings = Extract<z.output<typeof ca>, { readonly kind: "cert-manager" }>;
