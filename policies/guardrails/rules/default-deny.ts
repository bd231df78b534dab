import { isSystemNamespace, rootNamespace } from "../../../components/shared/istio";
import type { Tree } from "../../../components/shared/merge";
import { own } from "../../../components/shared/own";
import { type GuardedResource, injectedNamespace, object, outsideDev, type StackGuardrail } from "../guardrail";
import { meshNamespacesIn, objectsIn, releasesIn } from "../resources";

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
  sees: "Namespaces that the stack labels, or whose pods it labels, as part of the mesh, and those for whose workloads it has policies; AuthorizationPolicies that allow nothing, there or in the root namespace. Gateways have no default.",
  scope: "stack",
  *check(resources) {
    const denied = new Set(
      objectsIn(resources, "AuthorizationPolicy")
        .filter(({ spec, annotations }) => allowsNothing(spec) && own(annotations, "istio.io/dry-run") !== "true")
        .map((found) => found.namespace),
    );
    const open = new Map(meshNamespacesIn(resources).map(({ name, resource }) => [name, resource]));
    // Of applications that others deploy, the stack has policies only.
    const withGateways = new Set(gatewayNamespaces(resources));
    for (const resource of objectsIn(resources).filter(({ kind }) => ofWorkloads.has(kind))) {
      const { namespace: name } = resource;
      if (!isSystemNamespace(name) && !withGateways.has(name) && !open.has(name)) open.set(name, resource);
    }
    for (const [name, resource] of open) {
      if (denied.has(name) || denied.has(rootNamespace)) continue;
      const message = `namespace ${name} has no AuthorizationPolicy that denies by default; set talos-mesh:security.authorization.default: deny, and allow what is needed`;
      yield { resource, message };
    }
  },
  passing: { resources: [injectedNamespace, policy("allow-nothing", {})] },
  failing: {
    resources: [injectedNamespace, policy("details", { selector: { matchLabels: { app: "details" } }, rules: [{}] })],
  },
};

/** Policies that are enforced in the namespace that they are in. */
const ofWorkloads: ReadonlySet<string> = new Set([
  "AuthorizationPolicy",
  "PeerAuthentication",
  "RequestAuthentication",
  "Sidecar",
]);

function gatewayNamespaces(resources: readonly GuardedResource[]): string[] {
  const gateways = objectsIn(resources, "Gateway").filter(({ spec }) => spec.gatewayClassName !== "istio-waypoint");
  return [...gateways, ...releasesIn(resources, "gateway")].map(({ namespace: name }) => name);
}

/** An ALLOW without rules matches no request, and what no ALLOW matches is denied. */
function allowsNothing({ action = "ALLOW", rules, selector, targetRefs }: Tree): boolean {
  const isForAll = selector === undefined && targetRefs === undefined;
  return isForAll && action === "ALLOW" && (rules === undefined || (Array.isArray(rules) && rules.length === 0));
}
