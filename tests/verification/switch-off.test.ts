import assert from "node:assert/strict";
import type { MeshWorkload } from "../../components/model/names";
import { policyName, targetPolicyName } from "../../components/model/object-names";
import type { PolicyModel } from "../../components/model/policies/policy-model";
import { copyWithField } from "../../components/shared/unknown";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import type { PlanContext } from "../../components/verification/probe";
import { authorization } from "../../components/verification/probes/authorization";
import { egress } from "../../components/verification/probes/egress";
import { mtls } from "../../components/verification/probes/mtls";
import { tokens } from "../../components/verification/probes/tokens";
import { policyObjects } from "../../policies/compile";
import { verdictOf } from "./predictions";
import { stackPlan } from "./probes/plans";

/** The model of a mesh in which an object was deleted by hand; undefined for kinds that no security probe is for. */
function without(
  model: PolicyModel,
  { kind, metadata: { namespace, name } }: KubernetesObject,
): PolicyModel | undefined {
  const isOf = (target: { readonly namespace: string; readonly name?: string }, ...use: string[]) =>
    target.namespace === namespace && targetPolicyName(target, ...use) === name;
  if (kind === "PeerAuthentication") {
    if (namespace === "istio-system") return copyWithField(model, "mtls", () => "PERMISSIVE" as const);
    return copyWithField(model, "mtlsExceptions", () =>
      model.mtlsExceptions.filter(
        ({ target }) =>
          target.namespace !== namespace ||
          (target.kind === "workload" ? policyName(target.name ?? "", "mtls") : "default") !== name,
      ),
    );
  }
  if (kind === "RequestAuthentication") {
    return copyWithField(model, "tokenRules", () =>
      model.tokenRules.map((rules) => (isOf(rules.target, "jwt") ? { ...rules, issuers: [] } : rules)),
    );
  }
  if (kind === "Sidecar" || kind === "ServiceEntry") return withoutEgress(model, kind, namespace ?? "", name);
  if (kind !== "AuthorizationPolicy") return undefined;
  if (name === "allow-nothing") {
    const left = [...model.defaultDenyNamespaces].filter((one) => one !== namespace);
    return copyWithField(model, "defaultDenyNamespaces", () => new Set(left));
  }
  if (name.endsWith("jwt")) {
    return copyWithField(model, "tokenRules", () =>
      model.tokenRules.map((rules) => (isOf(rules.target, "jwt") ? { ...rules, requirements: [] } : rules)),
    );
  }
  return copyWithField(model, "accessRules", () =>
    model.accessRules.filter(({ target, action }) => !isOf(target, action.toLowerCase())),
  );
}

/** Without its Sidecar a workload knows the hosts of its namespace; without a ServiceEntry no workload knows the host. */
function withoutEgress(model: PolicyModel, kind: "Sidecar" | "ServiceEntry", namespace: string, name: string) {
  const { egress } = model;
  if (!egress) return undefined;
  const ofNamespace = egress.rules.filter(({ workload }) => workload.namespace === namespace);
  const opened = (workload: MeshWorkload) => [...egress.rules, ...ofNamespace.map((rule) => ({ ...rule, workload }))];
  const closed = () =>
    egress.rules.map((rule) => {
      const hosts = rule.settings.hosts.filter((host) => host !== name);
      return rule.workload.namespace === namespace ? { ...rule, settings: { ...rule.settings, hosts } } : rule;
    });
  const rules = kind === "Sidecar" ? opened(model.names.workload(name.replace(/\.scope$/, ""), namespace)) : closed();
  return copyWithField(model, "egress", () => ({ ...egress, rules }));
}

/** What a run would report of each object that is switched off: `object: probe fails; probe control failed`. */
function table(context: PlanContext): string[] {
  const { policies } = context.model;
  const probes = [authorization, tokens, mtls, egress].flatMap((source) => source(context));
  return policyObjects(policies).flatMap((object) => {
    // The Sidecars that follow from the rules stay.
    const changed = without(
      copyWithField(policies, "scopedBy", () => policies),
      object,
    );
    if (!changed) return [];
    const verdicts = probes.map((probe) => ({ name: probe.name, ...verdictOf(changed, probe) }));
    const found = verdicts.filter(({ verdict }) => verdict === "fails" || verdict === "control failed");
    const { kind, metadata } = object;
    return [
      `${kind} ${metadata.namespace}/${metadata.name}: ${found.map((one) => `${one.name} ${one.verdict}`).join("; ")}`,
    ];
  });
}

function withKeys(context: PlanContext): PlanContext {
  const issuers = context.model.policies.tokenRules.flatMap((rules) => rules.issuers.map((one) => one.settings.issuer));
  const keys = issuers.map((issuer) => ({ issuer, signingKey: { secret: "key" } }));
  return { ...context, settings: { ...context.settings, tokens: keys } };
}

describe("a policy that is switched off", () => {
  it("fails its own probe and no other, in the article's stack with a key for tokens", () => {
    assert.deepEqual(table(withKeys(stackPlan("article"))), [
      "ServiceEntry bookinfo/a-cup-of.coffee: egress to bookinfo/a-cup-of.coffee fails",
      "ServiceEntry bookinfo/une-tasse-de.cafe: egress to bookinfo/une-tasse-de.cafe fails",
      "PeerAuthentication istio-system/default: mtls the mesh fails",
      // Without it, nothing checks the tokens that other probes send.
      "RequestAuthentication bookinfo/productpage.jwt: authorization bookinfo/productpage control failed; tokens bookinfo/productpage fails",
      "AuthorizationPolicy bookinfo/allow-nothing: authorization namespace bookinfo default fails",
      "AuthorizationPolicy bookinfo/productpage.allow: authorization bookinfo/productpage fails; tokens bookinfo/productpage control failed",
      "AuthorizationPolicy bookinfo/details.allow: authorization bookinfo/details fails",
      "AuthorizationPolicy bookinfo/reviews.allow: authorization bookinfo/reviews fails",
      "AuthorizationPolicy bookinfo/ratings.allow: authorization bookinfo/ratings fails",
      "AuthorizationPolicy bookinfo/productpage.jwt: tokens bookinfo/productpage fails",
      "Sidecar bookinfo/details.scope: egress from bookinfo/details fails",
      "Sidecar bookinfo/ratings.scope: egress from bookinfo/ratings fails",
      "Sidecar bookinfo/reviews.scope: egress from bookinfo/reviews fails",
      "Sidecar bookinfo/productpage.scope: egress from bookinfo/productpage fails",
    ]);
  });

  it("fails its own probe and no other, in staging", () => {
    assert.deepEqual(table(stackPlan("staging")), [
      "PeerAuthentication istio-system/default: mtls the mesh fails",
      "AuthorizationPolicy bookinfo/allow-nothing: authorization namespace bookinfo default fails",
      "AuthorizationPolicy bookinfo/productpage.allow: authorization bookinfo/productpage fails",
      "AuthorizationPolicy bookinfo/details.allow: authorization bookinfo/details fails",
      "AuthorizationPolicy bookinfo/reviews.allow: authorization bookinfo/reviews fails",
      "AuthorizationPolicy bookinfo/ratings.allow: authorization bookinfo/ratings fails",
    ]);
  });
});
