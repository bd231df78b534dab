import { dataPlaneOf, hasSidecars, workloadNamespaces } from "../data-planes";
import type { Problem, SettingPath } from "../errors";
import type { Settings } from "../schema";
import type { AuthorizationRuleSettings } from "../sections/security";
import type { TrafficServiceSettings } from "../sections/traffic";
import { rule } from "./rule";

/**
 * Policies that are compiled for sidecars and would silently not hold in an ambient namespace. What does hold there:
 * mTLS, authorization by identity, port and address, which ztunnel enforces, and the routes of a gateway, which is a
 * proxy in either data plane.
 *
 * https://istio.io/latest/docs/ambient/usage/l4-policy/
 */
const planned = "(planned: policies of the ambient data plane)";

type Sources = Pick<Settings, "mesh" | "bookinfo" | "applications" | "traffic" | "security">;

/** What a person may name without a namespace is Bookinfo's. */
function namespaceOf({ bookinfo }: Sources, target: { readonly namespace?: string | undefined }): string {
  return target.namespace ?? bookinfo?.namespace ?? "default";
}

function isAmbient(sources: Sources, target: { readonly namespace?: string | undefined }): boolean {
  return dataPlaneOf(sources.mesh, namespaceOf(sources, target)) === "ambient";
}

/** Parts of a service's rules that its callers' proxies would have to follow. */
function* forCallers({ gateways, http, subsets, trafficPolicy }: TrafficServiceSettings): Iterable<string> {
  if (gateways.length === 0 && http.length > 0) yield "http";
  if (trafficPolicy) yield "trafficPolicy";
  if (subsets.some((subset) => typeof subset !== "string" && subset.trafficPolicy)) yield "subsets[].trafficPolicy";
}

function* trafficProblems(sources: Sources): Iterable<Problem> {
  const { traffic, mesh } = sources;
  for (const [index, service] of traffic.services.entries()) {
    if (!isAmbient(sources, service)) continue;
    for (const part of forCallers(service)) {
      yield {
        path: ["traffic", "services", index],
        message: `${part} of ${service.host} would not hold: its callers in the ambient namespace ${namespaceOf(sources, service)} have no proxy that understands HTTP; remove it, or set dataPlane: sidecar ${planned}`,
      };
    }
  }
  if (traffic.defaultRetries && !hasSidecars(mesh)) {
    yield {
      path: ["traffic", "defaultRetries"],
      message: `would not hold: ztunnel retries no request; remove it ${planned}`,
    };
  }
}

/** Conditions that ztunnel cannot judge: it would apply the rule to other requests than was asked, or to none. */
function httpConditions({ methods, paths, headers, claims }: AuthorizationRuleSettings): string[] {
  const conditions = { methods, paths, headers, claims };
  return Object.entries(conditions).flatMap(([name, value]) => (value === undefined ? [] : [name]));
}

function* authorizationProblems(sources: Sources): Iterable<Problem> {
  const { authorization } = sources.security;
  if (!authorization) return;
  const path = ["security", "authorization"];
  for (const list of ["allow", "deny"] as const) {
    for (const [index, each] of authorization[list].entries()) {
      if (!isAmbient(sources, each)) continue;
      yield* ruleProblems(sources, [...path, list, index], each);
    }
  }
  for (const list of ["audit", "external"] as const) {
    for (const [index, each] of authorization[list].entries()) {
      if (!isAmbient(sources, each)) continue;
      yield {
        path: [...path, list, index],
        message: `would not hold: ztunnel only allows and denies; remove it ${planned}`,
      };
    }
  }
  for (const namespace of workloadNamespaces(sources)) {
    if (!isAmbient(sources, { namespace })) continue;
    if ((authorization.namespaces[namespace] ?? authorization.default) !== "deny") continue;
    if (!sources.mesh.waypoints.some((waypoint) => waypoint.namespace === namespace)) continue;
    yield {
      path: [...path, "default"],
      message: `deny would also cut off the waypoints of namespace ${namespace}, which reach its pods under their own identity; remove the waypoints, or set allow ${planned}`,
    };
  }
  if (authorization.dryRun && workloadNamespaces(sources).some((namespace) => isAmbient(sources, { namespace }))) {
    yield { path: [...path, "dryRun"], message: `found true, which ztunnel does not know; remove it ${planned}` };
  }
}

function* ruleProblems(sources: Sources, path: SettingPath, each: AuthorizationRuleSettings): Iterable<Problem> {
  const namespace = namespaceOf(sources, each);
  const conditions = httpConditions(each);
  if (conditions.length > 0) {
    yield {
      path,
      message: `${conditions.join(", ")} of a rule for ${each.to} would not hold: ztunnel of the ambient namespace ${namespace} knows from, ports and ipBlocks only; remove them, or set dataPlane: sidecar ${planned}`,
    };
  }
  const behind = sources.mesh.waypoints.some(
    (waypoint) => waypoint.namespace === namespace && (waypoint.service ?? each.to) === each.to,
  );
  if (behind) {
    yield {
      path,
      message: `${each.to} is behind a waypoint, so that its pods see the waypoint's identity and not its caller's; remove the waypoint or the rule ${planned}`,
    };
  }
}

function* otherProblems(sources: Sources): Iterable<Problem> {
  const { jwt, peerAuthentication, egress } = sources.security;
  for (const [index, each] of jwt.entries()) {
    if (!isAmbient(sources, each)) continue;
    yield { path: ["security", "jwt", index], message: `would not hold: ztunnel reads no token; remove it ${planned}` };
  }
  for (const [index, { namespace, mode, ports }] of peerAuthentication.entries()) {
    if (!isAmbient(sources, { namespace }) || ![mode, ...Object.values(ports ?? {})].includes("DISABLE")) continue;
    yield {
      path: ["security", "peerAuthentication", index],
      message: `found DISABLE, which ztunnel takes for PERMISSIVE; expected STRICT or PERMISSIVE in the ambient namespace ${namespace}`,
    };
  }
  for (const [index, { from }] of egress?.allow.entries() ?? []) {
    const [first = "", second] = from.split("/");
    if (!isAmbient(sources, second === undefined ? {} : { namespace: first })) continue;
    yield {
      path: ["security", "egress", "allow", index],
      message: `would not hold: ztunnel lets ${from} reach every destination; remove it ${planned}`,
    };
  }
}

export const ambientPolicyRules = [
  rule(["mesh", "bookinfo", "applications", "traffic", "security"], function* (sources) {
    yield* trafficProblems(sources);
    yield* authorizationProblems(sources);
    yield* otherProblems(sources);
  }),
];
