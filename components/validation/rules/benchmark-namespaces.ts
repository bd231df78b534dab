import { benchmarkNamespace } from "../../model/benchmark-scenarios";
import { places } from "../../settings/places";
import { rule } from "./rule";

const namespaces = [
  ["bookinfo", "namespace"],
  ["observability", "namespace"],
  ["gateways", "*", "namespace"],
  ["applications", "*", "namespace"],
] as const;

export const benchmarkNamespaceRules = [
  rule(["benchmark", "bookinfo", "observability", "gateways", "applications"], function* (settings) {
    if (!settings.benchmark) return;
    for (const [path, name] of namespaces.flatMap((keys) => [...places(settings, keys)])) {
      if (typeof name !== "string" || !name.startsWith(benchmarkNamespace)) continue;
      const message = `found ${name}; namespaces named ${benchmarkNamespace}* are made and removed by talos-mesh:benchmark; rename it`;
      yield { path, message };
    }
  }),
];
