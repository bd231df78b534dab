import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import type { GatewayWorkload } from "../../components/shared/workload";
import type { AccessRule, ExternalRule, ResolvedModel, Target } from "../resolve/resolved";
import { authorizationRule, sortedUnique, tokenDenials } from "./access-rules";
import { isIstioGateway } from "./gateways";
import { type AuthorizationRule, type IstioSpecs, istioObject } from "./istio-object";

type Policy = KubernetesObject<IstioSpecs["AuthorizationPolicy"]>;

/** https://istio.io/latest/docs/tasks/security/authorization/authz-dry-run/ */
const dryRunAnnotation = { "istio.io/dry-run": "true" };

/** What a policy is attached to: pods by their labels, or a Service or waypoint by its name. */
export type Attachment = (target: Target) => Pick<IstioSpecs["AuthorizationPolicy"], "selector" | "targetRefs">;

export const bySelector: Attachment = ({ name }) => ({ selector: { matchLabels: { app: name } } });

/**
 * Who may ask whom: one policy for each workload and action, with all its rules, and under default deny one policy
 * that allows nothing in each namespace with workloads.
 *
 * https://istio.io/latest/docs/reference/config/security/authorization-policy/
 */
export function compileAuthorization(model: ResolvedModel): Policy[] {
  const here = (rule: { readonly target: Target }) => rule.target.dataPlane !== "ambient";
  return [...defaultDeny(model), ...workloadPolicies(model, here, bySelector)];
}

/**
 * An empty spec allows nothing. It stands in the namespaces of workloads and not in the root namespace, where it would
 * also close the gateways, which have no rules of their own; a gateway that shares a namespace with workloads is opened
 * again. The same for both data planes: sidecars and ztunnel read it, waypoints do not.
 */
function defaultDeny(model: ResolvedModel): Policy[] {
  const closed = new Set(model.defaultDenyNamespaces);
  const annotations = model.dryRun ? dryRunAnnotation : undefined;
  const nothing = [...closed].map((namespace) =>
    istioObject("AuthorizationPolicy", { namespace, name: "allow-nothing", annotations }, {}),
  );
  const gateways = model.gateways
    .filter(({ namespace }) => closed.has(namespace))
    .map((gateway) =>
      istioObject(
        "AuthorizationPolicy",
        { namespace: gateway.namespace, name: `${gateway.name}.gateway` },
        { ...toGateway(gateway), action: "ALLOW", rules: [{}] },
      ),
    );
  return [...nothing, ...gateways];
}

/** A gateway by the labels of its pods, or by its Gateway where istiod has made it of one. */
function toGateway(gateway: GatewayWorkload): ReturnType<Attachment> {
  if (isIstioGateway(gateway)) return { selector: { matchLabels: { ...gateway.selector } } };
  return { targetRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", name: gateway.name }] };
}

/** Policies of the workloads that `here` picks, attached to them in one way. */
export function workloadPolicies(
  model: ResolvedModel,
  here: (rule: { readonly target: Target }) => boolean,
  attachment: Attachment,
): Policy[] {
  const { trustDomain, dryRun } = model;
  const dry = dryRun ? dryRunAnnotation : undefined;
  const policy = (
    target: Target,
    name: string,
    spec: Pick<IstioSpecs["AuthorizationPolicy"], "action" | "provider"> & { rules: AuthorizationRule[] },
    annotations?: Readonly<Record<string, string>>,
  ) =>
    istioObject(
      "AuthorizationPolicy",
      { namespace: target.namespace, name: `${target.name}.${name}`, annotations },
      { ...attachment(target), ...spec, rules: sortedUnique(spec.rules) },
    );
  return [
    ...grouped(model.accessRules.filter(here), ({ action }) => action).map(([{ target, action }, rules]) =>
      policy(
        target,
        action.toLowerCase(),
        { action, rules: rules.map((rule: AccessRule) => authorizationRule(rule, trustDomain)) },
        // Istio refuses the annotation for what cannot deny.
        action === "AUDIT" ? undefined : dry,
      ),
    ),
    ...grouped(model.externalRules.filter(here), ({ provider }) => provider).map(([{ target, provider }, rules]) =>
      policy(target, `ask.${provider}`, {
        action: "CUSTOM",
        provider: { name: provider },
        rules: rules.map(({ conditions }: ExternalRule) => authorizationRule({ conditions }, trustDomain)),
      }),
    ),
    ...model.tokenRules
      .filter(here)
      .map((rules) => policy(rules.target, "jwt", { action: "DENY", rules: tokenDenials(rules) })),
  ];
}

/** Rules by workload and something else, each group with its first rule. */
function grouped<Rule extends { readonly target: Target }>(
  rules: readonly Rule[],
  by: (rule: Rule) => string,
): [Rule, Rule[]][] {
  const groups = new Map<string, Rule[]>();
  for (const rule of rules) {
    const key = `${rule.target.namespace}/${rule.target.name}/${by(rule)}`;
    const group = groups.get(key);
    if (group) group.push(rule);
    else groups.set(key, [rule]);
  }
  return [...groups.values()].flatMap((group) => (group[0] ? [[group[0], group] as [Rule, Rule[]]] : []));
}
