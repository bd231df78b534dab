import type { JwtSettings, SecuritySettings } from "../../settings/sections/security";
import { entryReaders, knownFields, mapKnown, readEntries, unknown, withField } from "../../shared/unknown";
import { workloadKey } from "../names";
import { byWorkload, type PolicyNames } from "./names";
import type {
  AccessRule,
  Egress,
  EgressRule,
  ExternalRule,
  MtlsException,
  PolicyModel,
  TokenRules,
  WaypointOnly,
} from "./policy-model";

type Security = () => SecuritySettings;

const actions = { allow: "ALLOW", deny: "DENY", audit: "AUDIT" } as const;

export function accessRules(security: Security, names: PolicyNames): AccessRule[] {
  const lists = (["allow", "deny", "audit"] as const).map((list) =>
    entryReaders(() => security().authorization?.[list]).map((read, index) => () => {
      const rule = read();
      return knownFields<AccessRule>({
        path: () => ["security", "authorization", list, index],
        action: () => actions[list],
        target: () => names.workload(rule.to, rule.namespace),
        callers: () => rule.from && mapKnown(rule.from, (name) => names.caller(name, rule.namespace)),
        namespaces: () => rule.fromNamespaces,
        settings: () => rule,
      });
    }),
  );
  return readEntries(lists.flat());
}

export function externalRules(security: Security, names: PolicyNames): ExternalRule[] {
  const readers = entryReaders(() => security().authorization?.external).map((read, index) => () => {
    const rule = read();
    return knownFields<ExternalRule>({
      path: () => ["security", "authorization", "external", index],
      target: () => names.workload(rule.to, rule.namespace),
      provider: () => rule.provider,
      settings: () => rule,
    });
  });
  return readEntries(readers);
}

/**
 * Token rules of each workload. Entries with the same paths are alternatives, such as two trusted issuers; entries with
 * different paths are requirements of their own.
 */
export function tokenRules(security: Security, names: PolicyNames): TokenRules[] {
  const groups = byWorkload(
    () => security().jwt,
    ["security", "jwt"],
    ({ workload, namespace }) => names.workload(workload, namespace),
  );
  const readers = groups.map((read) => () => {
    const { workload, entries } = read();
    // Compilers parse a key set.
    const issuers = entries.map(({ settings }) =>
      settings.jwks === undefined || isKeySet(settings.jwks) ? settings : withField(settings, "jwks", unknown),
    );
    return knownFields<TokenRules>({
      path: () => entries[0]?.path ?? unknown(),
      target: () => workload,
      issuers: () => issuers,
      requirements: () => requirements(issuers),
    });
  });
  return readEntries(readers);
}

/** Whether a string is a JSON Web Key Set. */
export function isKeySet(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && "keys" in parsed && Array.isArray(parsed.keys);
  } catch {
    return false;
  }
}

function requirements(issuers: readonly JwtSettings[]): TokenRules["requirements"] {
  const byPaths = new Map<string, JwtSettings[]>();
  for (const entry of issuers) {
    const key = JSON.stringify([...new Set(entry.paths)].sort());
    byPaths.set(key, [...(byPaths.get(key) ?? []), entry]);
  }
  return [...byPaths.values()].map((anyOf) => ({ paths: anyOf[0]?.paths, anyOf }));
}

export function mtlsExceptions(security: Security, names: PolicyNames): MtlsException[] {
  const readers = entryReaders(() => security().peerAuthentication).map((read, index) => () => {
    const settings = read();
    return knownFields<MtlsException>({
      path: () => ["security", "peerAuthentication", index],
      dataPlane: () => names.names.dataPlane(settings.namespace),
      settings: () => settings,
    });
  });
  return readEntries(readers);
}

export function defaultDenyNamespaces(security: Security, { workloads }: Pick<PolicyModel, "workloads">): Set<string> {
  const { authorization } = security();
  const own = new Map(Object.entries(authorization?.namespaces ?? {}));
  const all = workloads.map(({ namespace }) => namespace);
  return new Set(all.filter((namespace) => (own.get(namespace) ?? authorization?.default) === "deny"));
}

export function egress(security: Security, names: PolicyNames): Egress | undefined {
  const given = security().egress;
  if (!given) return undefined;
  const readers = entryReaders(() => given.allow).map((read, index) => () => {
    const settings = read();
    const workload = () => names.reference(settings.from);
    const mode = () => given.mode ?? (workload().dataPlane === "ambient" ? "waypoint" : "sidecar");
    return knownFields<EgressRule>({
      path: () => ["security", "egress", "allow", index],
      workload,
      mode,
      waypoint: () => (mode() === "waypoint" ? names.names.namespaceWaypoint(workload().namespace) : undefined),
      settings: () => settings,
    });
  });
  return knownFields<Egress>({
    rules: () => readEntries(readers),
    gateway: () => (given.mode === "egressGateway" ? names.gateway("egress") : undefined),
  });
}

/** Workloads with rules, or in a default-deny namespace, whose waypoint enforces them. */
export function waypointOnly(model: Omit<PolicyModel, "waypointOnly">): WaypointOnly[] {
  const rules = [...model.accessRules, ...model.externalRules, ...model.tokenRules];
  const ruled = new Set(rules.map(({ target }) => workloadKey(target)));
  return model.workloads.flatMap((workload) => {
    const { waypoint, namespace } = workload;
    const enforced = model.defaultDenyNamespaces.has(namespace) || ruled.has(workloadKey(workload));
    return waypoint && enforced ? [{ ...workload, waypoint }] : [];
  });
}
