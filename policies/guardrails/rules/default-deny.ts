import { rootNamespace } from "../../../components/shared/istio";
import type { Tree } from "../../../components/shared/merge";
import { own } from "../../../components/shared/own";
import { object, outsideDev, type StackGuardrail } from "../guardrail";
import { meshNamespacesIn, objectsIn } from "../resources";

const namespace = object({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: "bookinfo", labels: { "istio-injection": "enabled" } },
});

const policy = (name: string, spec: Tree) =>
  object({
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { name, namespace: "bookinfo" },
    spec,
  });

export const defaultDeny: StackGuardrail = {
  id: "default-deny",
  title: "What no rule allows is denied",
  why: "Without a default, a new workload is open to everything in the mesh until a rule for it is written.",
  severity: outsideDev,
  sees: "Namespaces that the stack creates as part of the mesh, and AuthorizationPolicies that allow nothing, there or in the root namespace; not namespaces that others create.",
  scope: "stack",
  *check(resources) {
    const denied = new Set(
      objectsIn(resources, "AuthorizationPolicy")
        .filter(({ spec, annotations }) => allowsNothing(spec) && own(annotations, "istio.io/dry-run") !== "true")
        .map((found) => found.namespace),
    );
    for (const resource of meshNamespacesIn(resources)) {
      if (denied.has(resource.objectName) || denied.has(rootNamespace)) continue;
      const message =
        "has no AuthorizationPolicy that denies by default; set talos-mesh:security.authorization.default: deny, and allow what is needed";
      yield { resource, message };
    }
  },
  passing: { resources: [namespace, policy("allow-nothing", {})] },
  failing: {
    resources: [namespace, policy("details", { selector: { matchLabels: { app: "details" } }, rules: [{}] })],
  },
};

/** An ALLOW without rules matches no request, and what no ALLOW matches is denied. */
function allowsNothing({ action = "ALLOW", rules, selector, targetRefs }: Tree): boolean {
  const isForAll = selector === undefined && targetRefs === undefined;
  return isForAll && action === "ALLOW" && (rules === undefined || (Array.isArray(rules) && rules.length === 0));
}
