import { ambientRefusal } from "../../../policies/capabilities";
import { comparePrecedence, matchesByExpression, precedence, routeMatch } from "../../../policies/http-matches";
import { destinationsIn, type NamedDestination } from "../../../policies/destinations";
import { fieldsOf, needsVirtualService } from "../../../policies/http-rules";
import { disjoint } from "../../model/matches";
import { waypointTitle } from "../../model/names";
import {
  type Exposure,
  isIstioGateway,
  type MeshService,
  type PolicyModel,
  type RouteTarget,
} from "../../model/policies/policy-model";
import { gatewayRoutes, type PlacedRule, rulesOf } from "../../model/policies/gateway-routes";
import { externalTarget, RouteTargets } from "../../model/policies/route-targets";
import type { HttpRuleSettings } from "../../settings/sections/http-rule";
import { firstRepeated } from "../../shared/grouped";
import { type Problem, problemsOf, type Refusal, type SettingPath, shortPath } from "../../shared/problem";
import type { GatewayWorkload, WaypointWorkload } from "../../shared/workload";
import { checkEach, knownEntries, runChecks } from "../../shared/unknown";
import { problemsOfEach } from "../check";

const limits = { hosts: 16, rules: 16, matches: 127 } as const;

/** Names of headers and query parameters that the CRD accepts. */
const headerName = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/;

/** Routes that HTTPRoutes, at waypoints and at gateways of kind gateway-api, cannot express. */
export function httpRouteProblems(model: PolicyModel): Iterable<Problem> {
  const { services } = model;
  const targets = new RouteTargets(model);
  const ofService = (refusal: (service: MeshService) => Refusal) => (service: MeshService) =>
    problemsOf(refusal(service), service.paths[0] ?? []);
  return checkEach(
    services,
    [],
    ofService(withoutWaypoint),
    ofService(sameVersion),
    (service) => routesAtGateway(service, targets),
    (service) => waypointRules(service, targets, model.gatewayApi),
    (service) =>
      checkEach(gatewayApiExposures(service), [], (exposure) =>
        exposureProblems(service, exposure, targets, model.gatewayApi),
      ),
  );
}

/** Where several services share a host, the order of HTTPRoute applies to the rules of all of them. */
export function sharedHostProblems({ services }: PolicyModel): Iterable<Problem> {
  const shared = gatewayRoutes(services).filter(({ gateway, parts }) => parts.length > 1 && !isIstioGateway(gateway));
  return checkEach(shared, [], (route) => routeProblems(route.hosts[0] ?? "", rulesOf(route)));
}

/** Without a waypoint nothing between two ambient pods reads HTTP, or applies a traffic policy. */
function withoutWaypoint(service: MeshService): Refusal {
  const { name, namespace, dataPlane, meshRules, trafficPolicy, subsets, waypoint } = service;
  if (dataPlane !== "ambient" || waypoint) return undefined;
  const parts = [
    meshRules.length > 0 && "http",
    trafficPolicy && "trafficPolicy",
    subsets.some((subset) => subset.trafficPolicy) && "subsets[].trafficPolicy",
  ].filter(Boolean);
  return (
    parts.length > 0 &&
    `${parts.join(", ")} of ${name} needs a waypoint in the ambient namespace ${namespace}: ztunnel does not read HTTP; ` +
      `add { namespace: ${namespace} } to talos-mesh:mesh.waypoints, or set dataPlane: sidecar for the namespace`
  );
}

/** Two subsets of one Service would be two traffic policies for it. */
function sameVersion(service: MeshService): Refusal {
  const { dataPlane, subsets, waypoint, exposures } = service;
  const exposed = dataPlane === "ambient" ? exposures.length > 0 : gatewayApiExposures(service).length > 0;
  if (!waypoint && !exposed) return undefined;
  const twice = firstRepeated(subsets.flatMap((subset) => subset.service?.name ?? []));
  if (twice === undefined) return undefined;
  return { subsets: `two subsets are ${twice}, which is one Service in the ambient data plane; keep one of them` };
}

/** A waypoint for ingress applies its own rules to the requests of a gateway, whatever version the gateway chose. */
function routesAtGateway(service: MeshService, targets: RouteTargets): Iterable<Problem> {
  const chosenAgain = (waypoint: WaypointWorkload) =>
    `requests from the gateway go through ${waypointTitle(waypoint)}, which chooses the version again; ` +
    "put the weights in an entry without gateways, or set ingress: false for the waypoint";
  return checkEach(service.exposures, [], ({ path, rules }) =>
    problemsOfEach(rules, [...path, "http"], ({ route }) => {
      const versions = destinationsIn({ route }, service).filter(({ subset }) => subset !== undefined);
      const waypoint = versions.map((named) => targets.find(service, named)?.waypoint).find((one) => one?.ingress);
      return waypoint && { route: chosenAgain(waypoint) };
    }),
  );
}

function* waypointRules(service: MeshService, targets: RouteTargets, gatewayApi: string): Iterable<Problem> {
  const { name, waypoint, meshRules, meshPath } = service;
  if (!waypoint) return;
  yield* checkEach(meshRules, meshPath, sourceWorkloads, (rule, path) => versions(rule, path, service, targets));
  if (needsVirtualService(meshRules, gatewayApi)) return;
  yield* checkEach(meshRules, meshPath, ruleProblems);
  yield* routeProblems(name, withPaths(meshRules, meshPath));
}

function gatewayApiExposures({ exposures }: MeshService): Exposure[] {
  const found = knownEntries(exposures).filter(([, { gateway }]) => !isIstioGateway(gateway));
  // An entry with several such gateways is checked once.
  return [...new Map(found.map(([, exposure]) => [exposure.path.join(), exposure])).values()];
}

function exposureProblems(
  service: MeshService,
  { path, gateway, rules, hosts, tcp, tls = [] }: Exposure,
  targets: RouteTargets,
  gatewayApi: string,
): Iterable<Problem> {
  return runChecks(
    () => gatewayRules(rules, { service, targets, gatewayApi, gateway, path }),
    () => checkEach(tcp, [...path, "tcp"], (rule, at) => versions(rule, at, service, targets)),
    () => checkEach(tls, [...path, "tls"], (rule, at) => versions(rule, at, service, targets)),
    () =>
      problemsOf(
        hosts.length > limits.hosts &&
          `found ${hosts.length}; an HTTPRoute has at most ${limits.hosts}; use a wildcard, or ${instead(gateway)}`,
        [...path, "hosts"],
      ),
  );
}

/** The rules of services outside the mesh, which an egress gateway of kind gateway-api applies. */
export function externalRouteProblems(model: PolicyModel): Iterable<Problem> {
  const targets = new RouteTargets(model);
  return checkEach(model.externalServices, [], (service) => {
    const {
      gateway,
      hosts: [host = ""],
      settings,
      path,
    } = service;
    if (!gateway || isIstioGateway(gateway)) return [];
    const context = { service: externalTarget(service, host), targets, gatewayApi: model.gatewayApi, gateway, path };
    return gatewayRules(settings.http, context);
  });
}

function instead({ name }: GatewayWorkload): string {
  return `set kind: chart for gateways.${name}, whose VirtualServices have it`;
}

function gatewayRules(
  rules: readonly HttpRuleSettings[],
  {
    service,
    targets,
    gatewayApi,
    gateway,
    path,
  }: {
    readonly service: RouteTarget;
    readonly targets: RouteTargets;
    readonly gatewayApi: string;
    readonly gateway: GatewayWorkload;
    readonly path: SettingPath;
  },
): Iterable<Problem> {
  const http = [...path, "http"];
  return runChecks(
    () =>
      problemsOfEach(rules, http, (rule) =>
        fieldsOf(rule, gatewayApi).map(
          ({ field, httpRoute }) =>
            typeof httpRoute === "string" && {
              [field]: `not at a gateway of kind gateway-api: ${httpRoute}; ${instead(gateway)}`,
            },
        ),
      ),
    () => checkEach(rules, http, ruleProblems),
    () => checkEach(rules, http, (rule, at) => versions(rule, at, service, targets)),
    () => routeProblems(service.name, withPaths(rules, http)),
  );
}

/** A version that has no Service. */
function versions(
  { route, mirror, mirrors }: HttpRuleSettings,
  path: SettingPath,
  service: RouteTarget,
  targets: RouteTargets,
): Iterable<Problem> {
  const refusal = (named: NamedDestination) => {
    const target = targets.find(service, named);
    const found = target?.subsets.find((one) => one.name === named.subset);
    if (!target || !found || found.service !== undefined) return undefined;
    if (target.host !== undefined) {
      return `${found.name} is a group of endpoints, and a route of Gateway API leads to hosts and Services; write an entry for each group, or set kind: chart for the gateway`;
    }
    const reason = target.versionServices
      ? "has labels other than version, and a route of Gateway API leads to the Service of a version; name a version"
      : "has no Service of its own, and a route of Gateway API leads to Services; " +
        `create ${target.name}-<version> for each version, and set versionServices: true in talos-mesh:applications`;
    return `${found.name} ${reason}`;
  };
  return runChecks(
    () =>
      Array.isArray(route)
        ? problemsOfEach(route, [...path, "route"], (named) => ({ subset: refusal(named) }))
        : problemsOf({ route: Object.keys(route ?? {}).map((subset) => refusal({ subset })) }, path),
    () => problemsOf({ mirror: mirror && { subset: refusal(mirror) } }, path),
    () => problemsOfEach(mirrors, [...path, "mirrors"], (named) => ({ subset: refusal(named) })),
  );
}

function sourceWorkloads({ match }: HttpRuleSettings, path: SettingPath): Iterable<Problem> {
  const message = ambientRefusal("sourceWorkload");
  return problemsOfEach(match, [...path, "match"], ({ sourceWorkload, sourceNamespace, sourceLabels }) => ({
    sourceWorkload: sourceWorkload !== undefined && message,
    sourceNamespace: sourceNamespace !== undefined && message,
    sourceLabels: sourceLabels && message,
  }));
}

/** Names and values that an HTTPRoute does not take. */
function* ruleProblems(rule: HttpRuleSettings, path: SettingPath): Iterable<Problem> {
  yield* problemsOfEach(rule.match, [...path, "match"], ({ headers, queryParams }) => ({
    headers: badNames(headers),
    queryParams: badNames(queryParams),
  }));
  yield* problemsOfEach(rule.headers, [...path, "headers"], (operations) => ({
    set: badNames(operations?.set),
    add: badNames(operations?.add),
  }));
}

/** An HTTPRoute takes names such as `x-user`, not `:authority`, and no empty value. */
function badNames(values: Readonly<Record<string, unknown>> = {}): Refusal {
  return Object.entries(values).flatMap(([name, value]) => [
    !headerName.test(name) && `found ${name}, a name that an HTTPRoute does not accept`,
    value === "" && `${name} is empty, which an HTTPRoute refuses; remove the header`,
  ]);
}

type RuleAndPath = Pick<PlacedRule, "rule" | "path">;

function withPaths(rules: readonly HttpRuleSettings[], path: SettingPath): RuleAndPath[] {
  return rules.map((rule, index) => ({ rule, path: [...path, index] }));
}

/** What an HTTPRoute of these rules would not accept, or would apply in another order. */
function* routeProblems(service: string, all: readonly RuleAndPath[]): Iterable<Problem> {
  const rules = all.map(({ rule }) => rule);
  const matches = rules.reduce((sum, { match = [] }) => sum + match.length, 0);
  if (rules.length > limits.rules || matches > limits.matches) {
    yield {
      path: all[0]?.path.slice(0, -1) ?? [],
      message:
        `${service} has ${rules.length} rules with ${matches} matches; ` +
        `an HTTPRoute has at most ${limits.rules} rules and ${limits.matches} matches; combine some`,
    };
  }
  // Rules that HTTPRoute's own order would try before an earlier rule that matches some of the same requests.
  const byExpression = matchesByExpression(rules);
  const placed = all.flatMap(({ rule: { match = [{}] }, path }) =>
    match.map((one) => ({ path, match: one, precedence: precedence(routeMatch(one, byExpression)) })),
  );
  const reported = new Set<SettingPath>();
  for (const [index, later] of placed.entries()) {
    const earlier = placed
      .slice(0, index)
      .find(
        (one) =>
          one.path !== later.path &&
          comparePrecedence(later.precedence, one.precedence) > 0 &&
          !disjoint(one.match, later.match),
      );
    if (!earlier || reported.has(later.path)) continue;
    reported.add(later.path);
    yield {
      path: later.path,
      message:
        `an HTTPRoute would try it before ${ruleTitle(earlier.path, later.path)}, as it tries exact paths first, then longer ones, then more headers; ` +
        "put it before that rule, or give both the same path",
    };
  }
}

/** `rule [1]` of the same entry. */
function ruleTitle(rule: SettingPath, other: SettingPath): string {
  return rule[2] === other[2] ? `rule [${rule.at(-1) ?? ""}]` : shortPath(rule);
}
