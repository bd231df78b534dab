import { hasAmbient } from "../model/data-planes";
import type { Model } from "../model/model";
import type { Names } from "../model/names";
import type { AuthorizationRuleSettings, SecuritySettings } from "../settings/sections/security";
import { suggestion } from "../settings/wording";
import { duplicates, type Problem, type SettingPath } from "../shared/problem";
import { checkEach, runChecks } from "../shared/unknown";
import { type Check, findWorkload, isProblem } from "./check";

/** Checks of `talos-mesh:security`. */
export const securityChecks: readonly Check[] = [
  ({ settings: { security }, names }) => {
    const authorization = security.authorization ?? { allow: [], deny: [], audit: [] };
    const path = ["security", "authorization"];
    return runChecks(
      ...(["allow", "deny", "audit"] as const).map(
        (list) => () => checkEach(authorization[list], [...path, list], ...ruleChecks(names), pathTemplates),
      ),
    );
  },
  externalRules,
  uniqueProviders,
  providerKinds,
  externalDryRun,
  jwt,
  mtlsExceptions,
  egressSources,
  egressGateway,
  egressWaypoint,
  egressDns,
];

function* workloadName(
  names: Names,
  path: SettingPath,
  key: string,
  given: { readonly name: string; readonly namespace?: string | undefined },
): Iterable<Problem> {
  const at = { path: [...path, key], namespacePath: [...path, "namespace"] };
  const found = findWorkload(names, { ...at, name: given.name, namespace: given.namespace });
  if (isProblem(found)) yield found;
}

/** `productpage`, `ns/name` or `ingress`, as named in a namespace. */
function* sourceName(names: Names, path: SettingPath, source: string, from: string | undefined): Iterable<Problem> {
  if (names.findGateway(source)) return;
  const [name = "", ownNamespace] = source.split("/").reverse();
  const namespace = ownNamespace ?? from ?? names.defaultNamespace;
  if (namespace !== undefined && names.findWorkload(namespace, name)) return;
  const known = [
    ...(namespace === undefined ? [] : names.workloadNames(namespace)),
    ...(ownNamespace ? [] : names.gatewayNames()),
  ];
  const place = namespace === undefined ? "" : ` in namespace ${namespace}`;
  const kinds = ownNamespace ? "workload" : "workload or gateway";
  yield { path, message: `found ${source}; no such ${kinds}${place}; ${suggestion(name, known)}` };
}

type RuleCheck = (rule: AuthorizationRuleSettings, path: SettingPath) => Iterable<Problem>;

function ruleChecks(names: Names): RuleCheck[] {
  return [
    ({ to, namespace }, path) => workloadName(names, path, "to", { name: to, namespace }),
    ({ from, namespace }, path) =>
      checkEach(from, [...path, "from"], (source, at) => sourceName(names, at, source, namespace)),
  ];
}

/** Istio's path templates, `{*}` and `{**}`, are the only asterisks that may be inside a path. */
function pathTemplates(
  { paths }: { readonly paths?: readonly string[] | undefined },
  path: SettingPath,
): Iterable<Problem> {
  return checkEach(paths, [...path, "paths"], (one, at) => {
    const inner = one.replace(/\{\*{1,2}\}/g, "").slice(0, -1);
    if (!inner.includes("*")) return [];
    return [{ path: at, message: `found "${one}"; '*' may be at the end only, or in a template {*} or {**}` }];
  });
}

function externalRules({ settings: { security }, names }: Model): Iterable<Problem> {
  const rules = security.authorization?.external;
  return checkEach(
    rules,
    ["security", "authorization", "external"],
    ({ to, namespace }, path) => workloadName(names, path, "to", { name: to, namespace }),
    pathTemplates,
    ({ provider }, path) => {
      const known = security.extensionProviders.map(({ name }) => name);
      if (known.includes(provider)) return [];
      const message = `found ${provider}; no such entry of security.extensionProviders; ${suggestion(provider, known)}`;
      return [{ path: [...path, "provider"], message }];
    },
  );
}

function* uniqueProviders({ settings: { security } }: Model): Iterable<Problem> {
  yield* duplicates(
    checkEach(security.extensionProviders, ["security", "extensionProviders"], ({ name }, path) => [
      { path: [...path, "name"], key: name },
    ]),
    "provider",
  );
}

function providerKinds({ settings: { security } }: Model): Iterable<Problem> {
  return checkEach(security.extensionProviders, ["security", "extensionProviders"], (provider, path) =>
    (provider.envoyExtAuthzGrpc === undefined) === (provider.envoyExtAuthzHttp === undefined)
      ? [{ path, message: "expected exactly one of: envoyExtAuthzGrpc, envoyExtAuthzHttp" }]
      : [],
  );
}

function* externalDryRun({ settings: { security } }: Model): Iterable<Problem> {
  const { authorization } = security;
  if (!authorization?.dryRun || authorization.external.length === 0) return;
  yield {
    path: ["security", "authorization", "dryRun"],
    message: "Istio has no dry run for an external authorizer; remove dryRun or external",
  };
}

type Jwt = SecuritySettings["jwt"][number];

function jwt({ settings: { security }, names }: Model): Iterable<Problem> {
  return checkEach<Jwt, Problem>(
    security.jwt,
    ["security", "jwt"],
    ({ workload, namespace }, path) => workloadName(names, path, "workload", { name: workload, namespace }),
    pathTemplates,
    function* ({ jwks, jwksUri }, path) {
      if (jwks === undefined || jwksUri === undefined) return;
      yield { path, message: "found jwks and jwksUri; expected at most one of them" };
    },
    function* ({ jwks, jwksUri, issuer }, path) {
      if (jwks !== undefined || jwksUri !== undefined || /^https?:\/\//.test(issuer)) return;
      const message = `found ${issuer}, which is not an address that keys can be fetched from; add jwks or jwksUri`;
      yield { path: [...path, "issuer"], message };
    },
    function* ({ jwks }, path) {
      if (jwks === undefined || isKeySet(jwks)) return;
      yield { path: [...path, "jwks"], message: 'not a JSON Web Key Set; expected JSON such as {"keys": [...]}' };
    },
  );
}

function isKeySet(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && "keys" in parsed && Array.isArray(parsed.keys);
  } catch {
    return false;
  }
}

function mtlsExceptions({ settings: { security }, names }: Model): Iterable<Problem> {
  return checkEach(
    security.peerAuthentication,
    ["security", "peerAuthentication"],
    ({ workload, namespace }, path) =>
      workload === undefined ? [] : workloadName(names, path, "workload", { name: workload, namespace }),
    ({ workload, ports }, path) =>
      workload === undefined && ports
        ? [{ path: [...path, "ports"], message: "goes with a workload only; name one, or remove the ports" }]
        : [],
  );
}

function egressSources({ settings: { security }, names }: Model): Iterable<Problem> {
  return checkEach(
    security.egress?.allow,
    ["security", "egress", "allow"],
    ({ from }, path) => sourceName(names, [...path, "from"], from, undefined),
    ({ hosts }, path) =>
      checkEach(hosts, [...path, "hosts"], (host, at) =>
        host === "*" ? [{ path: at, message: 'found "*", which allows every host; expected DNS names' }] : [],
      ),
  );
}

function* egressGateway({ settings: { security }, names }: Model): Iterable<Problem> {
  if (security.egress?.mode !== "egressGateway" || names.findGateway("egress")) return;
  yield {
    path: ["security", "egress", "mode"],
    message: "found egressGateway, and talos-mesh:gateways has no egress; add gateways.egress there",
  };
}

function* egressWaypoint({ settings: { security, mesh } }: Model): Iterable<Problem> {
  if (security.egress?.mode !== "waypoint" || hasAmbient(mesh)) return;
  yield {
    path: ["security", "egress", "mode"],
    message: "found waypoint; a sidecar mesh expects one of: sidecar, egressGateway",
  };
}

function* egressDns({ settings: { security, mesh } }: Model): Iterable<Problem> {
  if (!security.egress || !hasAmbient(mesh) || mesh.dnsCapture !== false) return;
  yield {
    path: ["mesh", "dnsCapture"],
    message:
      "found false; egress of ambient namespaces needs ztunnel to answer DNS, which gives each host an address of its own; remove it",
  };
}
