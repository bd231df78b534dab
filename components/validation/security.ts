import { hasAmbient } from "../model/data-planes";
import type { Model } from "../model/model";
import type { Names } from "../model/names";
import { givenNormalizations, pathRules } from "../model/path-normalization";
import type { MtlsMode } from "../model/policies/policy-model";
import { callerNamespace, isKeySet } from "../model/policies/resolve";
import { jsonMapping } from "../settings/schema-walk";
import type { AuthorizationRuleSettings } from "../settings/sections/access-rules";
import { pathNormalizations } from "../settings/sections/mesh";
import { shown, suggestion } from "../settings/wording";
import { treesIn } from "../shared/merge";
import { own } from "../shared/own";
import { type Problem, type Refusal, shortPath } from "../shared/problem";
import { throwUnknown } from "../shared/unknown";
import { atMostOne, type Check, refuse, rule, unique, unknownTarget, withoutPods } from "./check";

export const securityChecks: readonly Check[] = [
  normalizationProblems,
  ...(["allow", "deny", "audit"] as const).flatMap((list): Check[] => [
    rule(`security.authorization.${list}.*`, (given, { names }) => unknownTarget(names, given, "to")),
    rule(`security.authorization.${list}.*.from.*`, (source, { names, settings }, at) => {
      const given = settings.security.authorization?.[list][Number(at[3])];
      return unknownSource(names, source, given && callerNamespace(given, names));
    }),
    rule(`security.authorization.${list}.*.paths.*`, pathTemplate),
    rule(`security.authorization.${list}.*.notPaths.*`, pathTemplate),
  ]),
  ...(["allow", "deny", "audit", "external"] as const).map((list) =>
    rule(`security.authorization.${list}.*`, (given, model) => ({
      remoteIpBlocks: given.remoteIpBlocks && hiddenAddress(given, model),
      notRemoteIpBlocks: given.notRemoteIpBlocks && hiddenAddress(given, model),
    })),
  ),
  rule("security.authorization.external.*", (given, { names }) => unknownTarget(names, given, "to")),
  rule("security.authorization.external.*.paths.*", pathTemplate),
  rule("security.authorization.external.*.notPaths.*", pathTemplate),
  rule("security.authorization.external.*.provider", (provider, { settings: { security } }) => {
    const known = security.extensionProviders.map(({ name }) => name);
    if (known.includes(provider)) return undefined;
    return `found ${provider}; no such entry of security.extensionProviders; ${suggestion(provider, known)}`;
  }),
  refuse("security.authorization", ({ dryRun, external }) => dryRun && external.length > 0, {
    dryRun: "Istio has no dry run for an external authorizer; remove dryRun or external",
  }),
  unique("security.extensionProviders.*.name", "provider"),
  unique("telemetry.extensionProviders.*.name", "provider"),
  rule("traffic.rateLimits.*", (given, { names }) => unknownTarget(names, given, "workload")),
  ...(["accessLogging", "metrics", "tracing"] as const).map((kind) =>
    rule(`telemetry.${kind}.*`, (given, { names }) => unknownTarget(names, given, "workload")),
  ),
  ...(["sidecars", "proxyConfigs"] as const).map((field) =>
    rule(`mesh.${field}.*`, (given, { names }) => unknownTarget(names, given, "workload")),
  ),
  rule("security.jwt.*", (given, { names }) => unknownTarget(names, given, "workload")),
  rule("security.jwt.*.paths.*", pathTemplate),
  rule("security.jwt.*.notPaths.*", pathTemplate),
  rule("security.jwt.*", ({ required, ...entry }) => {
    const fields = (["paths", "notPaths", "requireClaims"] as const).filter((field) => entry[field] !== undefined);
    const reason = "says which requests need a token, and required: false that none does; remove one of the two";
    return !required && Object.fromEntries(fields.map((field) => [field, reason]));
  }),
  atMostOne("security.jwt.*", ["jwks", "jwksUri"]),
  rule("security.jwt.*", ({ jwks, jwksUri, issuer }) => {
    if (jwks !== undefined || jwksUri !== undefined || /^https?:\/\//.test(issuer)) return undefined;
    return { issuer: `found ${issuer}, which is not an address that keys can be fetched from; add jwks or jwksUri` };
  }),
  refuse(
    "security.jwt.*.jwks",
    (jwks) => !isKeySet(jwks),
    'not a JSON Web Key Set; expected JSON such as {"keys": [...]}',
  ),
  refuse(
    "security.jwt.*.jwks",
    hasSecretKey,
    "holds a private or a symmetric key, which all readers of the cluster's objects would see; expected public keys",
  ),
  rule("security.peerAuthentication.*", (given, { names }) => unknownTarget(names, given, "workload")),
  rule("security.peerAuthentication.*", ({ workload, namespace, mode, ports, reason }, { names, settings }) => {
    const { mtls } = settings.mesh;
    const modes = [...(mode === undefined ? [] : [mode]), ...Object.values(ports ?? {})];
    const weaker = modes.find((one) => mtlsModes.indexOf(one) < mtlsModes.indexOf(mtls));
    return {
      namespace:
        workload === undefined &&
        namespace === undefined &&
        names.defaultNamespace === undefined &&
        "missing; expected the namespace that this is for, or a workload",
      mode: modes.length === 0 && "missing; expected STRICT, PERMISSIVE or DISABLE",
      ports:
        ports !== undefined &&
        (workload === undefined || workload.endsWith("*")) &&
        "goes with a workload only; name one, or remove the ports",
      reason:
        reason === undefined &&
        weaker &&
        `missing; expected why ${weaker} is needed, which accepts more than mesh.mtls (${mtls})`,
    };
  }),
  rule("security.egress.allow.*.from", (source, { names }) => {
    const target = names.findTarget(source);
    return target ? withoutPods(target.workloads, target.kind) : unknownSource(names, source);
  }),
  refuse(
    "security.egress.allow.*.hosts.*",
    (host) => host === "*",
    'found "*", which allows every host; expected DNS names',
  ),
  refuse(
    "security.egress.mode",
    (mode, { names }) => mode === "egressGateway" && !names.findGateway("egress"),
    "found egressGateway, and talos-mesh:gateways has no egress; add gateways.egress there",
  ),
  refuse(
    "security.egress.mode",
    (mode, { settings: { mesh } }) => mode === "waypoint" && !hasAmbient(mesh),
    "found waypoint; a sidecar mesh expects one of: sidecar, egressGateway",
  ),
  refuse(
    "mesh.dnsCapture",
    (found, { settings: { security, mesh } }) => !found && security.egress !== undefined && hasAmbient(mesh),
    "found false; egress of ambient namespaces needs ztunnel to answer DNS, which gives each host an address of its own; remove it",
  ),
];

/** From what accepts the most. */
const mtlsModes: readonly MtlsMode[] = ["DISABLE", "PERMISSIVE", "STRICT"];

/** Refuses a form of paths in which a request goes past a rule that names its path. */
function* normalizationProblems({ settings }: Model): Iterable<Problem> {
  const given = givenNormalizations(settings);
  const rules = [...pathRules(settings)];
  const failsOpen = rules.find((one) => one.failsOpen);
  const expected = "expected MERGE_SLASHES or DECODE_AND_MERGE_SLASHES";
  for (const [path, found] of given) {
    const form = found === "DEFAULT" ? "BASE" : String(found);
    const rule = form === "NONE" ? rules[0] : form === "BASE" ? failsOpen : undefined;
    const example = form === "NONE" ? "/public/../admin" : "//admin";
    if (!pathNormalizations.some((one) => one === form)) {
      yield { path, message: `found ${shown(found)}; expected one of: ${pathNormalizations.join(", ")}` };
    } else if (rule) {
      const message = `found ${shown(found)}, which leaves ${example} as it is, so that it goes past ${shortPath(rule.path)}; ${expected}`;
      yield { path, message };
    } else if (path !== given[0]?.[0] && settings.mesh.pathNormalization !== undefined) {
      yield { path, message: "talos-mesh:mesh.pathNormalization decides this; set it there and remove it here" };
    }
  }
}

/** Refuses an unknown source, `productpage`, `ns/name` or `ingress`, as named in a namespace. */
function unknownSource(names: Names, source: string, from = names.defaultNamespace): Refusal {
  if (names.findGateway(source)) return undefined;
  const [name = "", namespace = from] = source.split("/").reverse();
  const workload = names.findWorkload(namespace, name);
  if (workload) return withoutPods([workload]);
  const hasNamespace = source.includes("/");
  const known = [
    ...(namespace === undefined ? [] : names.workloadNames(namespace)),
    ...(hasNamespace ? [] : names.gatewayNames()),
  ];
  const place = namespace === undefined ? "" : ` in namespace ${namespace}`;
  return `found ${source}; no such workload${hasNamespace ? "" : " or gateway"}${place}; ${suggestion(name, known)}`;
}

/** Parameters of a JSON Web Key that only its owner may have (RFC 7518, section 6). */
function hasSecretKey(jwks: string): boolean {
  return treesIn(jsonMapping(jwks)?.keys).some((key) => Object.hasOwn(key, "d") || Object.hasOwn(key, "k"));
}

/** A gateway knows the address of its clients only where nothing in front of it puts another in its place. */
function hiddenAddress(
  { to, namespace, from = [] }: Partial<AuthorizationRuleSettings> & Pick<AuthorizationRuleSettings, "to">,
  { names, settings: { gateways } }: Model,
): Refusal {
  const targets = names.findTarget(to, namespace)?.gateways ?? [];
  const callers = from.flatMap((name) => names.findGateway(name) ?? []);
  const behind = callers.find(({ name }) => own(gateways, name)?.gatewayTopology?.numTrustedProxies !== undefined);
  if (behind) {
    return (
      `behind gateway ${behind.name}, only the last address of X-Forwarded-For counts: with gatewayTopology.numTrustedProxies that is the proxy in front of it, not the client; ` +
      `write the rule for the gateway, { to: ${behind.name}, ... }, which counts the proxies`
    );
  }
  const passed = [...targets, ...callers].map(({ name }) => name);
  const hidden = passed.find((name) => {
    const { kind, serviceType, externalTrafficPolicy, gatewayTopology } = own(gateways, name) ?? throwUnknown();
    const passedOn = gatewayTopology?.numTrustedProxies ?? gatewayTopology?.proxyProtocol;
    return kind !== "existing" && serviceType !== "ClusterIP" && externalTrafficPolicy !== "Local" && !passedOn;
  });
  return (
    hidden &&
    `gateway ${hidden} sees the address of a node instead of its client's; set externalTrafficPolicy: Local in talos-mesh:gateways.${hidden}, ` +
      "or gatewayTopology (numTrustedProxies, proxyProtocol) where a proxy in front of it passes the client's address on"
  );
}

/**
 * Istio's path templates, `{*}` and `{**}`, are segments of their own, and `{**}` is the last of them.
 * Source: istio/istio, pkg/config/security/security.go, CheckValidPathTemplate.
 */
function pathTemplate(path: string): Refusal {
  const segments = path.replace(/^\/+|\/+$/g, "").split("/");
  const isTemplate = /\{\*{1,2}\}/.test(path);
  const open = segments.indexOf("{**}");
  const wrong =
    segments.find(
      (one) =>
        one !== "{*}" && one !== "{**}" && (isTemplate ? !/^[-\w.~%!$&'()+,;:@=]+$/.test(one) : /[{}]/.test(one)),
    ) ?? (open >= 0 ? segments.slice(open + 1).find((one) => one.startsWith("{")) : undefined);
  if (wrong !== undefined) {
    return `found "${path}"; in a template each segment is a name, {*}, or {**}, which is the last of them; not ${wrong === "" ? "an empty one" : wrong}`;
  }
  const inner = isTemplate ? "" : path.slice(path.startsWith("*") ? 1 : 0, path.startsWith("*") ? undefined : -1);
  return (
    inner.includes("*") &&
    `found "${path}"; '*' may be at the beginning or at the end only, or in a template {*} or {**}`
  );
}
