import { rule } from "./rule";

export const platformRules = [
  rule(["cluster", "platform"], function* ({ cluster, platform }) {
    // An API that is registered and never answers makes discovery fail for every client.
    if (cluster.kind !== "embedded" || platform.metricsServer !== true) return;
    yield {
      path: ["platform", "metricsServer"],
      message: "found true; nodes of cluster.kind embedded are simulated and have no metrics; remove it",
    };
  }),
];
