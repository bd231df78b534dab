import { targetKey } from "../../components/model/names";
import { policyName, targetPolicyName } from "../../components/model/object-names";
import type {
  AccessConditions,
  AccessRule,
  PolicyModel,
  TokenRules,
} from "../../components/model/policies/policy-model";
import type { JwtSettings } from "../../components/settings/sections/security";
import { grouped } from "../../components/shared/grouped";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { type AuthorizationRule, type IstioSpecs, istioObject, principal, sortedUnique } from "../api-objects";
import { attachment, gatewayAttachment } from "../attachment";

type Policy = KubernetesObject<IstioSpecs["AuthorizationPolicy"]>;
type Spec = IstioSpecs["AuthorizationPolicy"];
type Source = NonNullable<NonNullable<AuthorizationRule["from"]>[number]["source"]>;

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
export function workloadPolicies({
  accessRules,
  externalRules,
  tokenRules,
  trustDomain,
  dryRun,
}: PolicyModel): Policy[] {
  const policy = (
    { path: from, target }: Pick<AccessRule, "path" | "target">,
    use: readonly string[],
    spec: Pick<Spec, "action" | "provider"> & { readonly rules: readonly AuthorizationRule[] },
    annotations?: Readonly<Record<string, string>>,
  ) => {
    const place = { namespace: target.namespace, name: targetPolicyName(target, ...use), from, annotations };
    const rules = sortedUnique(spec.rules);
    return istioObject("AuthorizationPolicy", place, { ...attachment(target), ...spec, rules });
  };
  return [
    ...grouped(accessRules, ({ target, action }) => `${targetKey(target)}/${action}`).map(
      ([{ action, ...first }, rules]) =>
        policy(
          first,
          [action.toLowerCase()],
          { action, rules: rules.map((rule) => authorizationRule(rule, trustDomain)) },
          // Istio refuses the annotation on a policy that cannot deny.
          dryRun && action !== "AUDIT" ? dryRunAnnotation : undefined,
        ),
    ),
    ...grouped(externalRules, ({ target, settings }) => `${targetKey(target)}/${settings.provider}`).map(
      ([{ settings, ...first }, rules]) =>
        policy(first, ["ask", settings.provider], {
          action: "CUSTOM",
          provider: { name: settings.provider },
          rules: rules.map((rule) => authorizationRule(rule, trustDomain)),
        }),
    ),
    ...tokenRules.map((rules) => policy(rules, ["jwt"], { action: "DENY", rules: tokenDenials(rules) })),
  ];
}

function authorizationRule(
  { callers, settings }: Pick<AccessRule, "callers" | "settings">,
  trustDomain: string,
): AuthorizationRule {
  const { fromNamespaces, ipBlocks } = settings;
  const identities: Source[] = [
    ...(callers ? [{ principals: sortedUnique(callers.map((caller) => principal(caller, trustDomain))) }] : []),
    ...(fromNamespaces ? [{ namespaces: sortedUnique(fromNamespaces) }] : []),
  ];
  const addresses = ipBlocks && { ipBlocks: sortedUnique(ipBlocks) };
  const sources =
    identities.length > 0 ? identities.map((one) => ({ ...one, ...addresses })) : [addresses ?? []].flat();
  return {
    ...(sources.length > 0 && { from: sources.map((source) => ({ source })) }),
    ...operationAndWhen(settings),
  };
}

function operationAndWhen(conditions: AccessConditions): Pick<AuthorizationRule, "to" | "when"> {
  const { methods, paths, ports, headers, claims, ipBlocks, ...forgotten } = conditions;
  // A rule without one of its conditions would allow more: a new condition of the settings does not compile here.
  forgotten satisfies Record<string, never>;
  void ipBlocks; // in `from`
  const operation = {
    ...(methods && { methods: sortedUnique(methods) }),
    ...(paths && { paths: sortedUnique(paths) }),
    ...(ports && { ports: sortedUnique(ports.map(String)) }),
  };
  const when = [...keyed("request.headers", headers), ...keyed("request.auth.claims", claims)];
  return {
    ...(Object.keys(operation).length > 0 && { to: [{ operation }] }),
    ...(when.length > 0 && { when: sortedUnique(when) }),
  };
}

function keyed(attribute: string, names: Readonly<Record<string, readonly string[]>> = {}) {
  return Object.entries(names).map(([name, values]) => ({
    key: `${attribute}[${name}]`,
    values: sortedUnique(values),
  }));
}

/**
 * DENY rules for requests that do not meet a workload's token requirements. A RequestAuthentication alone rejects
 * invalid tokens and passes requests without a token; a DENY holds whatever other rules allow.
 *
 * A token has one issuer. So a request is denied if no issuer of the requirement has signed its token, and if its token
 * lacks a claim that its own issuer's entry requires. The number of rules is the sum of the claims, except that several
 * entries of one issuer need a rule for each combination of one missing claim of each.
 */
function tokenDenials({ requirements }: TokenRules): AuthorizationRule[] {
  return requirements.flatMap(({ paths, anyOf }) => {
    const to = paths && [{ operation: { paths: sortedUnique(paths) } }];
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
  const claims = entries.map(({ requireClaims }) =>
    keyed("request.auth.claims", requireClaims).map(({ key, values }) => ({ key, notValues: values })),
  );
  return claims.reduce<(typeof claims)[number][]>(
    (before, parts) => before.flatMap((combination) => parts.map((part) => [...combination, part])),
    [[]],
  );
}
