import { type Caller, targetKey } from "../../components/model/names";
import { policyName, targetPolicyName } from "../../components/model/object-names";
import type { AccessRule, ExternalRule, PolicyModel, TokenRules } from "../../components/model/policies/policy-model";
import { portsSeen } from "../../components/model/policies/seen-ports";
import { targetPorts } from "../../components/model/policies/target-ports";
import type { JwtSettings } from "../../components/settings/sections/security";
import { grouped } from "../../components/shared/grouped";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { type AuthorizationRule, type IstioSpecs, istioObject, principal, sortedUnique } from "../api-objects";
import { attachment, gatewayAttachment } from "../attachment";
import { compiledConditions, missingClaims, type Source } from "../conditions";

type Policy = KubernetesObject<IstioSpecs["AuthorizationPolicy"]>;
type Spec = IstioSpecs["AuthorizationPolicy"];

/** https://istio.io/latest/docs/tasks/security/authorization/authz-dry-run/ */
const dryRunAnnotation = { "istio.io/dry-run": "true" };

const defaultPath = ["security", "authorization", "default"];

/** A policy without rules allows nothing: one in each default-deny namespace. */
export function defaultDeny({ defaultDenyNamespaces, dryRun, gateways, accessRules }: PolicyModel): Policy[] {
  const annotations = dryRun ? dryRunAnnotation : undefined;
  // Not in the root namespace, where it would apply to the gateways too.
  const nothing = [...defaultDenyNamespaces].map((namespace) =>
    istioObject("AuthorizationPolicy", { namespace, name: "allow-nothing", from: defaultPath, annotations }, {}),
  );
  const allowing = accessRules.filter(({ action, target }) => action === "ALLOW" && target.kind === "gateway");
  const ruled = new Set(allowing.map(({ target }) => target.name));
  // A gateway in a namespace with workloads stays open, unless it has allow rules of its own.
  const open = gateways
    .filter(({ namespace, name }) => defaultDenyNamespaces.has(namespace) && !ruled.has(name))
    .map((gateway) => {
      const place = { namespace: gateway.namespace, name: policyName(gateway.name, "gateway"), from: defaultPath };
      return istioObject("AuthorizationPolicy", place, { ...gatewayAttachment(gateway), action: "ALLOW", rules: [{}] });
    });
  return [...nothing, ...open];
}

/**
 * A policy for each target and action, with all its rules.
 *
 * https://istio.io/latest/docs/reference/config/security/authorization-policy/
 */
export function workloadPolicies(model: PolicyModel): Policy[] {
  const { accessRules, externalRules, tokenRules, trustDomain, dryRun } = model;
  const policy = (
    { path: from, target }: Pick<AccessRule, "path" | "target">,
    use: readonly string[],
    spec: Pick<Spec, "action" | "provider"> & { readonly rules: readonly AuthorizationRule[] },
    annotations?: Readonly<Record<string, string>>,
  ) => {
    const place = { namespace: target.namespace, from, annotations };
    return parts(sortedUnique(spec.rules)).map((rules, index) => {
      const name = targetPolicyName(target, ...use, ...(index > 0 ? [String(index + 1)] : []));
      return istioObject("AuthorizationPolicy", { ...place, name }, { ...attachment(target), ...spec, rules });
    });
  };
  const compiled = (rules: readonly (AccessRule | ExternalRule)[]) =>
    rules.map((rule) => authorizationRule(rule, trustDomain));
  const isRehearsed = ({ action, settings }: AccessRule) => settings.dryRun === true && action !== "AUDIT" && !dryRun;
  return [
    ...grouped(accessRules, (rule) => `${targetKey(rule.target)}/${rule.action}/${isRehearsed(rule)}`).flatMap(
      ([first, rules]) =>
        policy(
          first,
          [first.action.toLowerCase(), ...(isRehearsed(first) ? ["dry-run"] : [])],
          { action: first.action, rules: compiled(rules) },
          // Istio refuses the annotation on a policy that cannot deny.
          first.action !== "AUDIT" && (dryRun || isRehearsed(first)) ? dryRunAnnotation : undefined,
        ),
    ),
    ...grouped(externalRules, ({ target, settings }) => `${targetKey(target)}/${settings.provider}`).flatMap(
      ([first, rules]) => {
        const { provider: name } = first.settings;
        return policy(first, ["ask", name], { action: "CUSTOM", provider: { name }, rules: compiled(rules) });
      },
    ),
    ...tokenRules
      .filter(({ requirements }) => requirements.length > 0)
      .flatMap((rules) => policy(rules, ["jwt"], { action: "DENY", rules: tokenDenials(rules, model) })),
  ];
}

/** The CRD accepts so many rules in one object; of several objects, any one allows or denies. */
const mostRules = 512;

function parts(rules: readonly AuthorizationRule[]): AuthorizationRule[][] {
  const starts = Array.from({ length: Math.ceil(rules.length / mostRules) }, (_, index) => index * mostRules);
  return starts.map((start) => rules.slice(start, start + mostRules));
}

function authorizationRule(
  {
    callers,
    notCallers,
    settings,
    target,
  }: Partial<Pick<AccessRule, "callers" | "notCallers">> & Pick<AccessRule, "settings" | "target">,
  trustDomain: string,
): AuthorizationRule {
  const { principals = [], fromNamespaces, notPrincipals = [], notFromNamespaces } = settings;
  const named = (list: readonly Caller[] = []) => list.map((caller) => principal(caller, trustDomain));
  const identities: Source[] = [
    ...(callers || principals.length > 0 ? [{ principals: sortedUnique([...named(callers), ...principals]) }] : []),
    ...(fromNamespaces ? [{ namespaces: sortedUnique(fromNamespaces) }] : []),
  ];
  const excluded = sortedUnique([...named(notCallers), ...notPrincipals]);
  const { source, operation, when } = compiledConditions({
    ...settings,
    ports: portsSeen(target, settings.ports),
    notPorts: portsSeen(target, settings.notPorts),
  });
  const every: Source = {
    ...source,
    ...(excluded.length > 0 && { notPrincipals: excluded }),
    ...(notFromNamespaces && { notNamespaces: sortedUnique(notFromNamespaces) }),
  };
  const sources = identities.length > 0 ? identities.map((one) => ({ ...one, ...every })) : [every];
  return {
    ...(sources.some((one) => Object.keys(one).length > 0) && { from: sources.map((one) => ({ source: one })) }),
    ...(Object.keys(operation).length > 0 && { to: [{ operation }] }),
    ...(when.length > 0 && { when }),
  };
}

/**
 * DENY rules for requests that do not meet a workload's token requirements. A RequestAuthentication alone rejects
 * invalid tokens and passes requests without a token; a DENY holds whatever other rules allow.
 *
 * A token has one issuer. So a request is denied if no issuer of the requirement has signed its token, and if its token
 * lacks a claim that its own issuer's entry requires. The number of rules is the sum of the claims, except that several
 * entries of one issuer need a rule for each combination of one missing claim of each.
 */
function tokenDenials({ requirements, target }: TokenRules, model: PolicyModel): AuthorizationRule[] {
  // A connection without HTTP has no token.
  const notHttp = targetPorts(target, model).flatMap(({ ports }) =>
    ports.filter(({ readsHttp }) => !readsHttp).map(({ port }) => port),
  );
  const notPorts = notHttp.length > 0 ? portsSeen(target, notHttp) : undefined;
  return requirements.flatMap(({ paths, notPaths, anyOf }) => {
    const { operation } = compiledConditions({ paths, notPaths, notPorts });
    const to = Object.keys(operation).length > 0 ? [{ operation }] : undefined;
    const byIssuer = grouped(anyOf, ({ issuer }) => issuer);
    const principals = byIssuer.map(([{ issuer }]) => `${issuer}/*`);
    const unknownIssuer = { from: [{ source: { notRequestPrincipals: sortedUnique(principals) } }], ...(to && { to }) };
    const missingClaims = byIssuer.flatMap(([{ issuer }, entries]) => {
      const from = [{ source: { requestPrincipals: [`${issuer}/*`] } }];
      return missing(entries).map((claims) => ({
        // With one issuer, the rule above denies all other tokens.
        ...(byIssuer.length > 1 && { from }),
        ...(to && { to }),
        when: sortedUnique(claims),
      }));
    });
    return [unknownIssuer, ...missingClaims];
  });
}

/** Each combination of one missing claim of each entry; none where an entry requires no claim. */
function missing(entries: readonly Pick<JwtSettings, "requireClaims">[]) {
  const claims = entries.map(({ requireClaims }) => missingClaims(requireClaims));
  return claims.reduce<(typeof claims)[number][]>(
    (before, parts) => before.flatMap((combination) => parts.map((part) => [...combination, part])),
    [[]],
  );
}
