import { isClaim } from "../../model/matches";
import { covers } from "../../model/names";
import { includesPaths, mayOverlap } from "../../model/path-patterns";
import { isIstioGateway, mtlsModes, type PolicyModel, type TokenRules } from "../../model/policies/policy-model";
import { portsSeen, seenPorts } from "../../model/policies/seen-ports";
import { targetPorts } from "../../model/policies/target-ports";
import type { HttpRuleSettings } from "../../settings/sections/http-rule";
import type { JwtSettings } from "../../settings/sections/security";
import { listOf } from "../../settings/wording";
import { grouped } from "../../shared/grouped";
import { type Problem, problemsOf, type Refusal, type SettingPath } from "../../shared/problem";
import { checkEach } from "../../shared/unknown";
import type { GatewayWorkload } from "../../shared/workload";
import { problemsAt, sharedPortRemedy } from "../check";

type Requirement = TokenRules["requirements"][number];

/** Requirements of tokens that no request can meet, or that would hold for other connections too. */
export function* tokenProblems(model: PolicyModel): Iterable<Problem> {
  yield* problemsAt(model.tokenRules, contradictions, combinations, (rules) => otherConnections(rules, model));
  yield* checkEach(model.tokenRules, [], ({ issuers }) =>
    checkEach(issuers, [], ({ settings, path }) => problemsOf({ jwksUri: keysBehindMtls(settings, model) }, path)),
  );
  for (const { meshRules, meshPath, exposures } of model.services) {
    yield* routesByClaims(meshRules, meshPath, onlyAtGateways);
    yield* checkEach(exposures, [], ({ rules, path, gateway }) =>
      routesByClaims(rules, [...path, "http"], claimsAtGateway(gateway, model)),
    );
  }
}

const onlyAtGateways =
  "Istio routes by claims at gateways only; move this rule to an entry with gateways, or use a header that claimsToHeaders sets there";

function claimsAtGateway(gateway: GatewayWorkload, { tokenRules, names }: PolicyModel): string | undefined {
  const { name, namespace } = gateway;
  if (!isIstioGateway(gateway))
    return `an HTTPRoute has no matches by claims, and gateway ${name} is of kind gateway-api`;
  const target = names.target(`${namespace}/${name}`);
  if (tokenRules.some((rules) => covers(rules.target, target))) return undefined;
  return `gateway ${name} accepts no token, so no request has claims; add { workload: ${name}, issuer: ... } to talos-mesh:security.jwt`;
}

function routesByClaims(
  rules: readonly HttpRuleSettings[],
  at: SettingPath,
  refusal: string | undefined,
): Iterable<Problem> {
  return checkEach(refusal === undefined ? [] : rules, at, ({ match }, path) =>
    checkEach(match, [...path, "match"], ({ headers = {}, withoutHeaders = {} }, matchPath) =>
      Object.entries({ headers, withoutHeaders }).flatMap(([field, matches]) =>
        Object.keys(matches)
          .filter(isClaim)
          .flatMap((name) => problemsOf(refusal, [...matchPath, field, name])),
      ),
    ),
  );
}

/** istiod, which is not in the mesh, fetches the keys. */
function keysBehindMtls({ jwksUri }: JwtSettings, model: PolicyModel): Refusal {
  const [name = "", namespace, ...domain] = jwksUri === undefined ? [] : new URL(jwksUri).hostname.split(".");
  const inCluster = domain.length === 0 || domain[0] === "svc";
  const server = inCluster ? model.names.findWorkload(namespace, name) : undefined;
  if (!server || server.dataPlane === "none" || mtlsModes(model, server).atServicePort !== "STRICT") return undefined;
  return (
    `istiod fetches the keys in plain text, which ${name} refuses (STRICT); ` +
    `add { namespace: ${namespace}, workload: ${name}, mode: PERMISSIVE } to talos-mesh:security.peerAuthentication, or use jwks`
  );
}

/** Each requirement must be met, and a request has one token. */
function contradictions({ requirements }: TokenRules): Refusal {
  return requirements.flatMap((one, index) =>
    requirements.slice(index + 1).flatMap((other) => {
      const issuersOf = ({ anyOf }: Requirement) => anyOf.map(({ issuer }) => issuer);
      const common = issuersOf(one).some((issuer) => issuersOf(other).includes(issuer));
      const path = common ? undefined : commonPath(one, other);
      if (path === undefined) return [];
      return (
        `a request for ${path} needs a token of ${listOf(issuersOf(one))} and one of ${listOf(issuersOf(other))}, and has one only; ` +
        "give both entries the same paths, where one of the two is enough, or exclude the paths of one by notPaths of the other"
      );
    }),
  );
}

const mostCombinations = 512;

/** That no entry is met is a rule for each choice of one claim of each entry (policies/istio-api/authorization.ts). */
function combinations({ requirements }: TokenRules): Refusal {
  return requirements.flatMap(({ anyOf }) =>
    grouped(anyOf, ({ issuer }) => issuer).flatMap(([{ issuer }, entries]) => {
      const claims = entries.map(({ requireClaims = {} }) => Object.keys(requireClaims).length);
      const rules = claims.reduce((product, count) => product * count, 1);
      if (rules <= mostCombinations) return [];
      return (
        `${entries.length} entries of issuer ${issuer} with several claims each need ${rules} rules; ` +
        "require the token by one entry, and the claims by authorization.allow rules with claims"
      );
    }),
  );
}

/** A path, or pattern, for which both requirements hold. */
function commonPath(one: Requirement, other: Requirement): string | undefined {
  const excluded = [...(one.notPaths ?? []), ...(other.notPaths ?? [])];
  const pairs = (one.paths ?? ["/*"]).flatMap((a) => (other.paths ?? ["/*"]).map((b) => [a, b] as const));
  const both = pairs.find(
    ([a, b]) => mayOverlap(a, b) && !excluded.some((not) => includesPaths(not, a) || includesPaths(not, b)),
  );
  if (!both) return undefined;
  const [a, b] = both;
  return includesPaths(a, b) ? b : a;
}

/** A connection without HTTP has no token: the DENY that requires one would deny it, and is for other ports only. */
function otherConnections({ target, requirements }: TokenRules, model: PolicyModel): Refusal {
  if (requirements.length === 0) return undefined;
  const isWide = target.kind === "namespace" || target.kind === "mesh";
  const unknown = seenPorts(target).flatMap(({ port, seen }) => (seen === undefined ? [port] : []));
  for (const { owner, ports } of targetPorts(target, model)) {
    const seenOf = (numbers: readonly number[]) => portsSeen(target, numbers) ?? [];
    const http = seenOf(ports.flatMap(({ readsHttp, port }) => (readsHttp ? [port] : [])));
    for (const { port, protocol } of ports.filter(({ readsHttp }) => !readsHttp)) {
      const remedy = isWide
        ? "write one entry for each workload"
        : seenOf([port]).some((seen) => http.includes(seen))
          ? sharedPortRemedy
          : unknown.includes(port) &&
            "which port its pods have for it is not known; name it in extraPorts with targetPort";
      if (remedy === false) continue;
      return `${owner}${isWide ? ` in ${target.title}` : ""} has port ${port} (${protocol}), whose connections have no token and would be denied; ${remedy}`;
    }
  }
  return undefined;
}
