import type table from "../../policies/capabilities/proxies.json";
import type { Example } from "./security-examples";

/** Settings for each row of policies/capabilities/proxies.json. */
export const proxyExamples: Readonly<Record<keyof typeof table, Example>> = {
  sidecarHosts: {
    settings: {
      mesh: {
        sidecars: [
          { workload: "shop/*", hosts: ["./*", "istio-system/*"] },
          {
            workload: "front",
            hosts: ["./*", "istio-system/*", "*/api.example.com"],
            outboundTrafficPolicy: "REGISTRY_ONLY",
          },
        ],
      },
    },
  },
  proxyConfig: {
    settings: {
      mesh: {
        proxyConfigs: [
          { workload: "shop/*", environmentVariables: { ISTIO_META_CERT_SIGNER: "shop" } },
          { workload: "front", concurrency: 0, image: { imageType: "distroless" } },
        ],
      },
    },
  },
};
