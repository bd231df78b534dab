import { asTree, treesIn } from "../../../components/shared/merge";
import { inProduction, object, type ResourceGuardrail } from "../guardrail";
import { objectIn, valueAt } from "../resources";

const virtualService = (fault: object) =>
  object({
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name: "reviews", namespace: "bookinfo" },
    spec: { hosts: ["reviews"], http: [{ ...fault, route: [{ destination: { host: "reviews" } }] }] },
  });

export const noFaults: ResourceGuardrail = {
  id: "no-faults",
  title: "No injected faults in production",
  why: "An injected fault is an outage that users see.",
  severity: inProduction,
  sees: "`fault` of VirtualServices, and EnvoyFilters that add Envoy's fault filter.",
  scope: "resource",
  *check(resource) {
    const found = objectIn(resource);
    if (found?.kind === "VirtualService") {
      for (const [index, rule] of treesIn(found.spec.http).entries()) {
        const kinds = Object.keys(asTree(rule.fault));
        if (kinds.length > 0)
          yield `spec.http[${index}] injects a fault (${kinds.join(", ")}); remove fault from the rule`;
      }
    }
    if (found?.kind === "EnvoyFilter") {
      const names = treesIn(found.spec.configPatches).map((patch) => valueAt(patch, "patch.value.name"));
      if (names.includes("envoy.filters.http.fault")) yield "adds Envoy's fault filter; remove that patch";
    }
  },
  passing: { resources: [virtualService({ timeout: "2s" })] },
  failing: { resources: [virtualService({ fault: { abort: { httpStatus: 500, percentage: { value: 10 } } } })] },
};
