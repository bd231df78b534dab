import { z } from "zod";
import { fqdn, form, some, targetReference } from "../fields";
import { count } from "../quantities";

/** `talos-mesh:mesh.proxyConfigs` and `mesh.sidecars`: how sidecars are set up, in the words of Istio's API. */

/** https://istio.io/latest/docs/reference/config/networking/proxy-config/ */
const proxyConfig = z.strictObject({
  workload: targetReference.describe("A workload, or `ns/*`; the narrowest counts, variables add up."),
  concurrency: count(0).optional().describe("Threads of the proxy; 0: as many as the CPUs that it sees."),
  environmentVariables: z
    .record(form("[A-Za-z_][A-Za-z0-9_]*", "expected a name of letters, digits and '_'"), z.string())
    .optional()
    .describe("Of the proxy's container, such as ISTIO_META_CERT_SIGNER."),
  image: z
    .strictObject({ imageType: z.enum(["debug", "distroless"]) })
    .optional()
    .describe("Default: the proxy's image of the mesh."),
});

/** https://istio.io/latest/docs/reference/config/networking/sidecar/ */
const sidecar = z.strictObject({
  workload: targetReference
    .default("*")
    .describe("A workload, `ns/*` or `*`; the narrowest counts. Default: the whole mesh."),
  hosts: z
    .array(
      form(
        `(\\.|\\*|~|[a-z0-9]([-a-z0-9]*[a-z0-9])?)/(\\*|(\\*\\.)?${fqdn})`,
        "expected namespace/host: ./* is the workload's own namespace, shop/* another, ~/* none",
      ),
    )
    .min(1)
    .describe("What proxies are configured with: all other services are hidden from their clients."),
  outboundTrafficPolicy: z
    .enum(["REGISTRY_ONLY", "ALLOW_ANY"])
    .optional()
    .describe("For requests to what is not in hosts. Default: mesh.outboundTrafficPolicy."),
});

export const proxyConfigs = some(proxyConfig).describe("Concurrency, variables and image of sidecars, by workload.");
export const sidecars = some(sidecar).describe("Services that sidecars know, by hand; sidecarScoping derives them.");

export type ProxyConfigSettings = z.output<typeof proxyConfig>;
export type SidecarSettings = z.output<typeof sidecar>;
