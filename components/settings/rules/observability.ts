import { rule } from "./rule";

export const observabilityRules = [
  rule(["observability"], function* ({ observability }) {
    if (!observability || observability.prometheus) return;
    for (const reader of ["grafana", "kiali"] as const) {
      if (observability[reader]) {
        yield {
          path: ["observability", reader],
          message: "reads its figures from Prometheus; add observability.prometheus",
        };
      }
    }
    if (observability.alerts) {
      yield { path: ["observability", "alerts"], message: "Prometheus judges alerts; add observability.prometheus" };
    }
  }),
  rule(["environment", "observability"], function* ({ environment, observability }) {
    if (environment === "dev") return;
    for (const reader of ["grafana", "kiali"] as const) {
      if (!observability?.[reader]?.anonymous) continue;
      yield {
        path: ["observability", reader, "anonymous"],
        message: `found true, which is for dev; environment ${environment} expected false`,
      };
    }
  }),
];
