import { own } from "../../../components/shared/own";
import { inProduction, object, type ResourceGuardrail } from "../guardrail";
import { objectIn } from "../resources";

const policy = (annotations: Readonly<Record<string, string>>) =>
  object({
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { name: "allow-nothing", namespace: "bookinfo", annotations },
    spec: {},
  });

export const noDryRun: ResourceGuardrail = {
  id: "no-dry-run",
  title: "Access rules are enforced in production",
  why: "A rule on a dry run logs what it would refuse, and lets it through.",
  severity: inProduction,
  sees: "The annotation `istio.io/dry-run` of AuthorizationPolicies.",
  scope: "resource",
  *check(resource) {
    const found = objectIn(resource);
    if (found?.kind !== "AuthorizationPolicy" || own(found.annotations, "istio.io/dry-run") !== "true") return;
    yield "is on a dry run, and refuses nothing; remove dryRun (talos-mesh:security.authorization), or the annotation istio.io/dry-run";
  },
  passing: { resources: [policy({})] },
  failing: { resources: [policy({ "istio.io/dry-run": "true" })] },
};
