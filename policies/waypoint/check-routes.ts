import type { HttpRuleSettings } from "../../components/settings/sections/traffic";
import { ambientRefusal, type RefusedInAmbient } from "../capabilities";
import type { Problems } from "../problems";
import type { MeshService, ResolvedModel } from "../resolve/resolved";
import { needsVirtualService } from "./http-routes";
import { checkOrder } from "./order";
import { versionService } from "./version-services";

const headerName = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/;

/** Refuses routes and traffic policies of ambient services that would not hold. */
export function checkServices({ services }: ResolvedModel, problems: Problems): void {
  for (const service of services.filter(({ dataPlane }) => dataPlane === "ambient")) {
    if (!checkWaypoint(service, problems)) continue;
    checkVersions(service, problems);
    for (const [index, rule] of service.meshRules.entries()) {
      const path = `${service.meshPath}[${index}]`;
      checkSource(rule, path, problems);
      if (!needsVirtualService(service)) checkRule(rule, path, problems);
    }
    if (needsVirtualService(service)) continue;
    checkSize({ name: service.name, rules: service.meshRules, path: service.meshPath }, problems);
    checkOrder(service.meshRules, service.meshPath, problems);
  }
}

/** Without a waypoint nothing between two ambient pods reads HTTP, or follows a traffic policy. */
function checkWaypoint(service: MeshService, problems: Problems): boolean {
  const { name, namespace, meshRules, trafficPolicy, subsets, paths, waypoint, offers } = service;
  if (waypoint) {
    if (waypoint.ingress) checkIngress(service, problems);
    return true;
  }
  const parts = [
    ...(meshRules.length > 0 ? ["http"] : []),
    ...(trafficPolicy ? ["trafficPolicy"] : []),
    ...(subsets.some((subset) => subset.trafficPolicy) ? ["subsets[].trafficPolicy"] : []),
  ];
  if (parts.length === 0) return offers.length > 0;
  problems.add(
    paths[0] ?? "traffic.services",
    `${parts.join(", ")} of ${name} needs a waypoint in the ambient namespace ${namespace}: ztunnel does not read HTTP; ` +
      `add { namespace: ${namespace} } to talos-mesh:mesh.waypoints, or set dataPlane: sidecar for the namespace`,
  );
  return false;
}

/** The waypoint routes anew what a gateway sends it, so that the gateway's choice of a version would be lost. */
function checkIngress({ offers, waypoint }: MeshService, problems: Problems): void {
  for (const { path, rules } of offers) {
    for (const [index, { route }] of rules.entries()) {
      if (!route) continue;
      problems.add(
        `${path}.http[${index}].route`,
        `requests from the gateway go through waypoint ${waypoint?.name}, which chooses the version again; ` +
          "put the shares in an entry without gateways, or set ingress: false for the waypoint",
      );
    }
  }
}

function checkVersions(service: MeshService, problems: Problems): void {
  checkSubsets(service, problems);
  const { meshRules, meshPath } = service;
  for (const [index, rule] of meshRules.entries()) checkVersionsOf(service, rule, `${meshPath}[${index}]`, problems);
}

/** Two subsets of one Service would have two traffic policies for it. */
export function checkSubsets(service: MeshService, problems: Problems): void {
  const { subsets } = service;
  const hosts = subsets.map((subset) => versionService(service, subset)).filter((host) => host !== undefined);
  const twice = hosts.find((host, index) => hosts.indexOf(host) !== index);
  if (twice !== undefined) {
    problems.add(
      `${service.paths[0]}.subsets`,
      `two subsets stand for ${twice}, which is one Service in the ambient data plane; keep one of them`,
    );
  }
}

/** Refuses versions that a HTTPRoute cannot send to. */
export function checkVersionsOf(
  service: MeshService,
  { route = {}, mirror }: HttpRuleSettings,
  path: string,
  problems: Problems,
): void {
  const named: [string, string][] = Object.keys(route).map((subset) => ["route", subset]);
  if (mirror) named.push(["mirror.subset", mirror.subset]);
  for (const [field, name] of named) {
    const subset = service.subsets.find((one) => one.name === name);
    if (subset && versionService(service, subset) !== undefined) continue;
    const reason = service.versionServices
      ? "has other labels than version, and a HTTPRoute goes to a Service for each version; name a version"
      : `has no Service of its own, and a HTTPRoute goes to Services; make ${service.name}-<version> for each version, and say versionServices: true in talos-mesh:applications`;
    problems.add(`${path}.${field}`, `${name} ${reason}`);
  }
}

function checkSource({ match = [] }: HttpRuleSettings, path: string, problems: Problems): void {
  for (const [index, { sourceWorkload }] of match.entries()) {
    if (sourceWorkload !== undefined) {
      problems.add(`${path}.match[${index}].sourceWorkload`, ambientRefusal("sourceWorkload"));
    }
  }
}

/** What to say of a demand that a HTTPRoute cannot meet. */
export type Refusal = (demand: RefusedInAmbient) => string;

/** What a HTTPRoute of the standard channel does not have. */
export function checkRule(
  rule: HttpRuleSettings,
  path: string,
  problems: Problems,
  refuse: Refusal = ambientRefusal,
): void {
  const { match = [], retries, corsPolicy, directResponse, redirect, rewrite } = rule;
  for (const [index, { method, headers, queryParams }] of match.entries()) {
    const at = `${path}.match[${index}]`;
    if (method && method.exact === undefined) problems.add(`${at}.method`, refuse("methodPattern"));
    checkNames({ headers, queryParams }, at, problems);
  }
  for (const [way, operations] of Object.entries(rule.headers ?? {})) {
    checkNames({ set: operations.set, add: operations.add }, `${path}.headers.${way}`, problems);
  }
  if (retries) problems.add(`${path}.retries`, refuse("retries"));
  if (corsPolicy) problems.add(`${path}.corsPolicy`, refuse("cors"));
  if (directResponse) problems.add(`${path}.directResponse`, refuse("directResponse"));
  if (redirect && (redirect.derivePort || ![undefined, 301, 302].includes(redirect.redirectCode))) {
    problems.add(`${path}.redirect`, refuse("redirectOther"));
  }
  const exactly = match.length > 0 && match.every(({ uri }) => uri?.exact !== undefined);
  if (rewrite?.uriRegexRewrite || (rewrite?.uri !== undefined && !exactly)) {
    problems.add(`${path}.rewrite`, refuse("rewritePrefix"));
  }
}

/** A HTTPRoute takes names of tokens only, as `x-user`: not `:authority`, and nothing empty. */
function checkNames(
  fields: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>,
  path: string,
  problems: Problems,
): void {
  for (const [field, named = {}] of Object.entries(fields)) {
    for (const [name, value] of Object.entries(named)) {
      if (!headerName.test(name))
        problems.add(`${path}.${field}`, `found ${name}, a name that a HTTPRoute does not accept`);
      if (value === "")
        problems.add(`${path}.${field}`, `${name} is empty, which a HTTPRoute refuses; remove the header`);
    }
  }
}

/** Limits of the CRD. */
export function checkSize(
  { rules, path, name }: { readonly rules: readonly HttpRuleSettings[]; readonly path: string; readonly name: string },
  problems: Problems,
): void {
  const matches = rules.reduce((sum, { match = [] }) => sum + match.length, 0);
  if (rules.length <= 16 && matches < 128) return;
  problems.add(
    path,
    `${name} has ${rules.length} rules with ${matches} matches; a HTTPRoute has at most 16 rules and 127 matches; join some`,
  );
}
