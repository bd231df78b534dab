import type { AccessConditions } from "../components/model/policies/policy-model";
import { type AuthorizationRule, sortedUnique } from "./api-objects";

export type Source = NonNullable<NonNullable<AuthorizationRule["from"]>[number]["source"]>;
type Operation = NonNullable<NonNullable<AuthorizationRule["to"]>[number]["operation"]>;
type When = NonNullable<AuthorizationRule["when"]>[number];

type PositiveName = Exclude<keyof AccessConditions, `not${string}`>;
/** Conditions with a value for each name: of headers, of claims. */
export type NamedCondition = "headers" | "claims";
export type ListCondition = Exclude<PositiveName, NamedCondition>;

interface Condition {
  /** Its part of a rule of an AuthorizationPolicy: a field of its own name, or an entry of `when`. */
  readonly at: "source" | "operation" | "when";
  /** The key of `when`. */
  readonly key?: string;
  /** Whether ztunnel judges it too; everything else needs a proxy that reads HTTP. */
  readonly atZtunnel?: true;
}

/**
 * A row for each condition of the settings, which has its opposite too (`notPaths`): a rule without one of its conditions
 * would allow more, so a condition without a row does not compile.
 *
 * Source: istio/istio, pilot/pkg/security/authz/model/model.go; for ztunnel,
 * pilot/pkg/serviceregistry/ambient/authorization.go.
 */
export const conditions = {
  methods: { at: "operation" },
  paths: { at: "operation" },
  hosts: { at: "operation" },
  ports: { at: "operation", atZtunnel: true },
  ipBlocks: { at: "source", atZtunnel: true },
  remoteIpBlocks: { at: "source" },
  trustDomains: { at: "source" },
  requestPrincipals: { at: "source" },
  headers: { at: "when", key: "request.headers" },
  claims: { at: "when", key: "request.auth.claims" },
  audiences: { at: "when", key: "request.auth.audiences" },
  presenters: { at: "when", key: "request.auth.presenter" },
  destinationIps: { at: "when", key: "destination.ip", atZtunnel: true },
  sni: { at: "when", key: "connection.sni" },
} as const satisfies Readonly<Record<PositiveName, Condition>>;

export const conditionNames = Object.keys(conditions) as PositiveName[];

/** Conditions that ztunnel does not judge. */
export const beyondZtunnel = conditionNames.filter((name) => !("atZtunnel" in conditions[name]));

/** Conditions that a connection without HTTP cannot meet, nor fail. */
export const httpConditions = beyondZtunnel.filter(
  (name) => !(["trustDomains", "sni", "remoteIpBlocks"] as readonly string[]).includes(name),
);

export function opposite<Name extends PositiveName>(name: Name): `not${Capitalize<Name>}` {
  return `not${name[0]?.toUpperCase() ?? ""}${name.slice(1)}` as `not${Capitalize<Name>}`;
}

/** Every field of a rule that has one of these conditions, such as `paths` and `notPaths`. */
export function conditionsIn(given: AccessConditions, names: readonly PositiveName[]): (keyof AccessConditions)[] {
  return names.flatMap((name) => [name, opposite(name)] as const).filter((field) => given[field] !== undefined);
}

type Values = readonly (string | number)[];

/** The conditions in the parts of a rule of an AuthorizationPolicy. */
export function compiledConditions(given: Readonly<AccessConditions>) {
  const parts = { source: {} as Record<string, string[]>, operation: {} as Record<string, string[]> };
  const when: When[] = [];
  for (const name of conditionNames) {
    const { at, key }: Condition = conditions[name];
    const [values, notValues] = [given[name], given[opposite(name)]];
    if (at !== "when") {
      if (values) parts[at][name] = listed(name, values as Values);
      if (notValues) parts[at][opposite(name)] = listed(name, notValues as Values);
    } else if (name === "headers" || name === "claims") {
      when.push(...named(key ?? "", given[name], given[opposite(name)]));
    } else if (values ?? notValues) when.push(entry(key ?? "", values as Values, notValues as Values));
  }
  return { source: parts.source as Source, operation: parts.operation as Operation, when: sortedUnique(when) };
}

function listed(name: PositiveName, values: Values): string[] {
  // Envoy compares the header Host with its port, which clients of other ports than 80 and 443 send.
  const withPorts = name === "hosts" ? values.flatMap((host) => [host, ...withAnyPort(String(host))]) : values;
  return sortedUnique(withPorts.map(String));
}

function withAnyPort(host: string): string[] {
  return /[*:]/.test(host) ? [] : [`${host}:*`];
}

type ValuesByName = Readonly<Record<string, readonly string[]>>;

function named(attribute: string, values: ValuesByName = {}, notValues: ValuesByName = {}): When[] {
  const has = new Map(Object.entries(values));
  const hasNot = new Map(Object.entries(notValues));
  const names = [...new Set([...has.keys(), ...hasNot.keys()])];
  return names.map((name) => entry(namedKey(attribute, name), has.get(name), hasNot.get(name)));
}

/** `a[b]` is written `[a][b]`. */
function namedKey(attribute: string, name: string): string {
  const [, first = "", nested = ""] = /^([^[]*)(.*)$/.exec(name) ?? [];
  return `${attribute}[${first}]${nested}`;
}

function entry(key: string, values: Values | undefined, notValues: Values | undefined): When {
  return {
    key,
    ...(values && { values: sortedUnique(values.map(String)) }),
    ...(notValues && { notValues: sortedUnique(notValues.map(String)) }),
  };
}

/** Claims that a token must have, each as an entry of `when` that holds where it does not. */
export function missingClaims(claims: ValuesByName = {}): When[] {
  return named(conditions.claims.key, {}, claims);
}
