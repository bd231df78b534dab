import { clusterTraits } from "../../cluster/kinds";
import type { Settings } from "../../settings/schema";
import { jsonMapping } from "../../settings/schema-walk";
import type { AuthorizationRuleSettings } from "../../settings/sections/access-rules";
import type { JwtSettings } from "../../settings/sections/security";
import type { TelemetrySettings } from "../../settings/sections/telemetry";
import { grouped } from "../../shared/grouped";
import { isSystemNamespace } from "../../shared/istio";
import type { SettingPath } from "../../shared/problem";
import {
  copyWithField,
  entryReaders,
  groupKnown,
  knownFields,
  mapKnown,
  readEntries,
  throwUnknown,
} from "../../shared/unknown";
import { gatewayApiVersion } from "../control-planes";
import { addressAllocation, sidecarScoping } from "../mesh-config";
import { type Names, targetKey, workloadKey } from "../names";
import { pathNormalization } from "../path-normalization";
import { egress } from "./egress";
import { externalServices } from "./external-services";
import { knownHosts } from "./known-hosts";
import type {
  AccessRule,
  ExternalRule,
  MtlsException,
  PolicyModel,
  ProxyConfig,
  RateLimit,
  Telemetry,
  TelemetryEntry,
  TelemetryKind,
  TokenRules,
  WaypointOnly,
} from "./policy-model";
import { meshServices } from "./services";
import { addonTracing, defaultLogs, hasAccessLog, telemetryProviders } from "./telemetry";

type PolicySettings = Pick<
  Settings,
  "cluster" | "traffic" | "security" | "telemetry" | "objects" | "mesh" | "observability" | "verification"
>;

/**
 * Resolves the names that policies refer to, once, for the compilers, the checks and `explain`. Each field has a function
 * of its own, so that a mistake in the settings makes only that field unknown (components/shared/unknown.ts).
 */
export function policyModel(settings: PolicySettings, names: Names): PolicyModel {
  const services = externalServices(settings, names);
  const model = knownFields<Omit<PolicyModel, "waypointOnly" | "targeted">>({
    names: () => names,
    workloads: () => names.workloads,
    gateways: () => names.objects.gateways,
    waypoints: () => names.objects.waypoints,
    services: () => meshServices(settings, names, services),
    externalServices: () => services,
    gatewayApi: () => gatewayApiVersion(settings.mesh),
    accessRules: () => accessRules(settings, names),
    externalRules: () => externalRules(settings, names),
    tokenRules: () => tokenRules(settings, names),
    dryRun: () => settings.security.authorization?.dryRun ?? false,
    defaultDenyNamespaces: () => defaultDenyNamespaces(settings, names),
    mtls: () => settings.mesh.mtls,
    mtlsExceptions: () => mtlsExceptions(settings, names),
    outboundTrafficPolicy: () => settings.mesh.outboundTrafficPolicy,
    networkPolicies: () => clusterTraits(settings.cluster).networkPolicies,
    egress: () => egress(settings, names, services),
    trustDomain: () => settings.mesh.trustDomain,
    probeLog: () => settings.verification?.enabled ?? false,
    accessLog: () => hasAccessLog(settings.mesh),
    pathNormalization: () => pathNormalization(settings),
    addressAllocation: () => addressAllocation(settings.mesh),
    sidecarScoping: () => sidecarScoping(settings),
    knownHosts: () => knownHosts(settings, names),
    proxyConfigs: () => proxyConfigs(settings, names),
    telemetry: () => telemetry(settings, names),
    rateLimits: () => rateLimits(settings, names),
    rateLimitService: () => settings.traffic.rateLimitService,
    objects: () => settings.objects ?? [],
  });
  const withTargets = copyWithField(model, "targeted", () => targeted(model));
  return copyWithField(withTargets, "waypointOnly", () => waypointOnly(model));
}

type UntargetedModel = Omit<PolicyModel, "waypointOnly" | "targeted">;

/** A new kind of policy with a target is added here, so that each check of targets is made for it. */
function targeted(model: UntargetedModel): PolicyModel["targeted"] {
  const kinds = (
    [
      "accessRules",
      "tokenRules",
      "mtlsExceptions",
      "externalRules",
      "rateLimits",
      "knownHosts",
      "proxyConfigs",
    ] as const
  ).map((kind) => () => model[kind]);
  const recorded = (["accessLogging", "metrics", "tracing"] as const).map((kind) => () => model.telemetry[kind]);
  return readEntries([...kinds, ...recorded].flatMap((list) => entryReaders<PolicyModel["targeted"][number]>(list)));
}

type SecuritySource = Pick<PolicySettings, "security">;

/** A reader of each entry, with its path and the fields that `resolve` reads. */
function resolved<Settings, Fields extends object>(
  list: () => readonly Settings[] | undefined,
  path: SettingPath,
  resolve: (settings: Settings) => Parameters<typeof knownFields<Fields>>[0],
) {
  return entryReaders(list).map((read, index) => () => {
    const settings = read();
    const withPath = copyWithField(knownFields(resolve(settings)), "path", (): SettingPath => [...path, index]);
    return copyWithField(withPath, "settings", () => settings);
  });
}

function rateLimits({ traffic }: Pick<PolicySettings, "traffic">, names: Names): RateLimit[] {
  return readEntries(
    resolved(
      () => traffic.rateLimits,
      ["traffic", "rateLimits"],
      ({ workload }) => ({ target: () => names.target(workload) }),
    ),
  );
}

function proxyConfigs({ mesh }: Pick<PolicySettings, "mesh">, names: Names): ProxyConfig[] {
  return readEntries(
    resolved(
      () => mesh.proxyConfigs,
      ["mesh", "proxyConfigs"],
      ({ workload }) => ({ target: () => names.target(workload) }),
    ),
  );
}

function telemetry(settings: PolicySettings, names: Names): Telemetry {
  const entries = <Kind extends TelemetryKind>(kind: Kind): TelemetryEntry<Kind>[] => {
    const list = (): readonly TelemetrySettings[Kind][number][] => settings.telemetry[kind];
    return readEntries(
      resolved(list, ["telemetry", kind], ({ workload }) => ({
        target: () => names.target(workload),
        appliesToWaypoints: () => true as const,
      })),
    );
  };
  return knownFields<Telemetry>({
    accessLogging: () => entries("accessLogging"),
    metrics: () => entries("metrics"),
    tracing: () => entries("tracing"),
    defaultLogs: () => defaultLogs(settings.mesh),
    addonTracing: () => addonTracing(settings.observability),
    providers: () => telemetryProviders(settings),
  });
}

const actions = { allow: "ALLOW", deny: "DENY", audit: "AUDIT" } as const;

function accessRules({ security }: SecuritySource, names: Names): AccessRule[] {
  const lists = (["allow", "deny", "audit"] as const).map((list) =>
    resolved(
      () => security.authorization?.[list],
      ["security", "authorization", list],
      (rule) => ({
        action: () => actions[list],
        target: () => names.target(rule.to, rule.namespace),
        callers: () => callers(rule.from, rule, names),
        notCallers: () => callers(rule.notFrom, rule, names),
      }),
    ),
  );
  return readEntries(lists.flat());
}

function callers(references: readonly string[] | undefined, rule: AuthorizationRuleSettings, names: Names) {
  return references && mapKnown(references, (name) => names.caller(name, callerNamespace(rule, names)));
}

/** The namespace of a client that is named without one: that of the workloads which the rule is for. */
export function callerNamespace(
  { to, namespace }: Pick<AuthorizationRuleSettings, "to" | "namespace">,
  names: Names,
): string | undefined {
  const [, inNamespace] = to.split("/").reverse();
  if (inNamespace === undefined || names.findTarget(to)?.kind === "gateway") return namespace ?? names.defaultNamespace;
  return inNamespace;
}

function externalRules({ security }: SecuritySource, names: Names): ExternalRule[] {
  const rules = resolved(
    () => security.authorization?.external,
    ["security", "authorization", "external"],
    (rule) => ({ target: () => names.target(rule.to, rule.namespace) }),
  );
  return readEntries(rules);
}

/**
 * Token rules of each target. Entries with the same paths are alternatives, such as two trusted issuers; entries with
 * different paths are requirements of their own.
 */
function tokenRules(settings: SecuritySource, names: Names): TokenRules[] {
  const targetOf = ({ workload, namespace }: JwtSettings) => names.target(workload, namespace);
  const { groups, complete } = groupKnown(
    () => settings.security.jwt,
    ["security", "jwt"],
    (entry) => targetKey(targetOf(entry)),
  );
  const readers = [...groups.values()].map((entries) => () => {
    // Compilers parse it, so one that is not a key set is unknown to them; validation reports it.
    const readable = (settings: JwtSettings) =>
      settings.jwks === undefined || isKeySet(settings.jwks) ? settings : copyWithField(settings, "jwks", throwUnknown);
    const issuers = entries.map(({ path, settings }) => ({ path, settings: readable(settings) }));
    return knownFields<TokenRules>({
      path: () => entries[0]?.path ?? throwUnknown(),
      target: () => targetOf(entries[0]?.settings ?? throwUnknown()),
      issuers: () => issuers,
      requirements: () => requirements(issuers.map(({ settings }) => settings)),
    });
  });
  return readEntries(complete ? readers : [...readers, throwUnknown]);
}

export function isKeySet(text: string): boolean {
  return Array.isArray(jsonMapping(text)?.keys);
}

function requirements(issuers: readonly JwtSettings[]): TokenRules["requirements"] {
  const required = issuers.filter(({ required }) => required);
  const pathsOf = ({ paths, notPaths }: JwtSettings) =>
    JSON.stringify([paths, notPaths].map((list) => list && [...new Set(list)].sort()));
  return grouped(required, pathsOf).map(([{ paths, notPaths }, anyOf]) => ({ paths, notPaths, anyOf }));
}

function mtlsExceptions({ security }: SecuritySource, names: Names): MtlsException[] {
  const exceptions = resolved(
    () => security.peerAuthentication,
    ["security", "peerAuthentication"],
    ({ namespace = names.defaultNamespace, workload }) => ({
      target: () =>
        workload === undefined ? names.namespaceTarget(namespace ?? throwUnknown()) : names.target(workload, namespace),
    }),
  );
  return readEntries(exceptions);
}

function defaultDenyNamespaces({ security: { authorization } }: SecuritySource, { workloads }: Names): Set<string> {
  const own = new Map(Object.entries(authorization?.namespaces ?? {}));
  const all = workloads.map(({ namespace }) => namespace);
  const meshed = all.filter((namespace) => !isSystemNamespace(namespace));
  return new Set(meshed.filter((namespace) => (own.get(namespace) ?? authorization?.default) === "deny"));
}

/** Workloads with rules, or in a default-deny namespace, that have a waypoint: they accept requests from it only. */
function waypointOnly(model: UntargetedModel): WaypointOnly[] {
  const rules = [...model.accessRules, ...model.externalRules, ...model.tokenRules];
  const targets = new Set(rules.map(({ target }) => target));
  const ruled = new Set([...targets].flatMap(({ workloads }) => workloads.map(workloadKey)));
  return model.workloads.flatMap((workload) => {
    const { waypoint, namespace } = workload;
    const enforced = model.defaultDenyNamespaces.has(namespace) || ruled.has(workloadKey(workload));
    return waypoint && enforced ? [{ ...workload, waypoint }] : [];
  });
}
