import { rule } from "./rule";

export const meshRules = [
  rule(["environment", "mesh"], function* ({ environment, mesh }) {
    if (environment === "production" && mesh.mtls !== "STRICT") {
      yield { path: ["mesh", "mtls"], message: `found ${mesh.mtls}; environment production allows STRICT only` };
    }
  }),
  rule(["environment", "cluster", "charts"], function* ({ environment, cluster, charts }) {
    if (charts.source !== "auto") return;
    const path = ["charts", "source"];
    const expected = "expected a chart repository (https://...), a registry (oci://...) or a folder (./...)";
    if (environment === "production") {
      yield { path, message: `found auto, which may install stand-ins; environment production ${expected}` };
    } else if (cluster.kind !== "embedded") {
      yield { path, message: `found auto, which is for clusters of kind embedded; kind ${cluster.kind} ${expected}` };
    }
  }),
];
