import { type AccessConditions, type AccessRule, type Caller, type TokenRules } from "../resolve/resolved";
import type { AuthorizationRule } from "./istio-object";

type Source = NonNullable<NonNullable<AuthorizationRule["from"]>[number]["source"]>;

/** A rule of the settings as Istio's API has it; the same for sidecars, waypoints and ztunnel. */
export function authorizationRule(rule: Omit<AccessRule, "path" | "action" | "target">, trustDomain: string) {
  const { callers, namespaces, conditions } = rule;
  const { ipBlocks } = conditions;
  const who: Source[] = [
    ...(callers ? [{ principals: sortedUnique(callers.map((caller) => principal(caller, trustDomain))) }] : []),
    ...(namespaces ? [{ namespaces: sortedUnique(namespaces) }] : []),
  ];
  const where = ipBlocks && { ipBlocks: sortedUnique(ipBlocks) };
  const sources = who.length > 0 ? who.map((source) => ({ ...source, ...where })) : where ? [where] : [];
  return {
    ...(sources.length > 0 && { from: sources.map((source) => ({ source })) }),
    ...operationAndWhen(conditions),
  } satisfies AuthorizationRule;
}

function operationAndWhen(conditions: AccessConditions): Pick<AuthorizationRule, "to" | "when"> {
  const { methods, paths, ports, headers, claims, ipBlocks, ...forgotten } = conditions;
  // A condition left out would allow more than was asked: one that is new in the settings does not compile here.
  forgotten satisfies Record<string, never>;
  void ipBlocks; // Part of who asks.
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
 * Rules of a DENY that turns away what does not meet a workload's token rules. A RequestAuthentication alone turns away
 * bad tokens and lets requests without one pass; and a DENY holds whatever else is allowed.
 *
 * To be denied, a request must miss every alternative of a requirement, each by one of its demands: not this issuer's
 * token, or not one of the values of a claim. A claim that is not there has none of the values.
 */
export function tokenDenials({ requirements }: TokenRules): AuthorizationRule[] {
  const rules = requirements.flatMap(({ paths, anyOf }) => {
    const ways = anyOf.map(({ issuer, requireClaims }) => [
      { issuer },
      ...keyed("request.auth.claims", requireClaims).map(({ key, values }) => ({ key, notValues: values })),
    ]);
    const combinations = ways.reduce<Miss[][]>(
      (before, misses) => before.flatMap((combination) => misses.map((miss) => [...combination, miss])),
      [[]],
    );
    return combinations.map((misses) => {
      const issuers = misses.flatMap((miss) => ("issuer" in miss ? [`${miss.issuer}/*`] : []));
      const claims = misses.flatMap((miss) => ("key" in miss ? [miss] : []));
      return {
        ...(issuers.length > 0 && { from: [{ source: { notRequestPrincipals: sortedUnique(issuers) } }] }),
        ...(paths && { to: [{ operation: { paths: sortedUnique(paths) } }] }),
        ...(claims.length > 0 && { when: sortedUnique(claims) }),
      };
    });
  });
  return sortedUnique(rules);
}

type Miss = { readonly issuer: string } | { readonly key: string; readonly notValues: string[] };

/** The identity in a caller's certificate, without the leading `spiffe://`. */
export function principal({ namespace, serviceAccount }: Omit<Caller, "name">, trustDomain: string): string {
  return `${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}

/** Rules and lists here are sets: in one order, whatever order they were written in. */
export function sortedUnique<Item>(items: readonly Item[]): Item[] {
  const byText = new Map(items.map((item) => [JSON.stringify(item), item]));
  return [...byText].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, item]) => item);
}
