import type { Application } from "./application";

/**
 * Istio's sample application: productpage calls details and reviews, and reviews v2 and v3 call ratings.
 * Source: istio/istio, samples/bookinfo/platform/kube.
 */
export const bookinfo = {
  name: "bookinfo",
  title: "Bookinfo",
  version: "1.20.3",
  image: (service, version) => `examples-bookinfo-${service}-${version}`,
  serviceAccount: (service) => `bookinfo-${service}`,
  port: 9080,
  services: {
    details: { versions: ["v1"] },
    ratings: { versions: ["v1"] },
    reviews: {
      versions: ["v1", "v2", "v3"],
      env: { LOG_DIR: "/tmp/logs" },
      writableFolders: { tmp: "/tmp", "wlp-output": "/opt/ibm/wlp/output" },
    },
    productpage: {
      versions: ["v1"],
      writableFolders: { tmp: "/tmp" },
      annotations: {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "9080",
        "prometheus.io/path": "/metrics",
      },
    },
  },
} as const satisfies Application;
