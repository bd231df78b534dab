import type { DataPlane } from "../../components/model/data-planes";
import { ambientRefusal } from "../capabilities";
import type { Problems } from "../problems";
import { behindWaypoint } from "../resolve/behind-waypoint";
import type { AccessRule, ResolvedModel, Target } from "../resolve/resolved";

/** Conditions that take a proxy which reads HTTP. */
const httpConditions = ["methods", "paths", "headers", "claims"] as const;

/** Refuses security policies of ambient workloads that would not hold. */
export function checkSecurity(model: ResolvedModel, problems: Problems): void {
  for (const rule of model.accessRules) if (rule.target.dataPlane === "ambient") checkRule(rule, model, problems);
  for (const { target, path, conditions } of model.externalRules) {
    checkNeedsWaypoint(target, path, "external authorization", problems);
    if (target.waypoint && conditions.ipBlocks) refuseAddresses(`${path}.ipBlocks`, problems);
  }
  for (const { target, path } of model.tokenRules) checkNeedsWaypoint(target, path, "reading tokens", problems);
  for (const { path, dataPlane, settings } of model.mtlsExceptions) {
    if (dataPlane !== "ambient" || ![settings.mode, ...Object.values(settings.ports ?? {})].includes("DISABLE"))
      continue;
    problems.add(`${path}.mode`, ambientRefusal("mtlsDisable"));
  }
  checkPlainText(model, problems);
  if (model.dryRun && Object.values(model.dataPlanes).includes("ambient")) {
    problems.add("security.authorization.dryRun", ambientRefusal("dryRun"));
  }
  checkGateways(model, problems);
}

/** Plain text goes through no waypoint, so that an exception which takes it would let nobody in. */
function checkPlainText(model: ResolvedModel, problems: Problems): void {
  const guarded = behindWaypoint(model);
  for (const { path, settings } of model.mtlsExceptions) {
    const { namespace, workload, mode, ports = {} } = settings;
    if (![mode, ...Object.values(ports)].includes("PERMISSIVE")) continue;
    const target = guarded.find(
      (one) => one.namespace === namespace && (workload === undefined || one.name === workload),
    );
    if (!target) continue;
    problems.add(
      path,
      `found PERMISSIVE, but ${target.name} accepts requests from its waypoint only, and plain text does not go through waypoints; ` +
        `remove the exception, or the rules of ${target.name}, or waypoint ${target.waypoint.name}`,
    );
  }
}

function checkRule(rule: AccessRule, model: ResolvedModel, problems: Problems): void {
  const { path, target, action, conditions } = rule;
  if (target.waypoint) {
    if (conditions.ipBlocks) refuseAddresses(`${path}.ipBlocks`, problems);
    checkCallers(rule, model.dataPlanes, problems);
    return;
  }
  const http = httpConditions.filter((condition) => conditions[condition] !== undefined);
  if (action === "AUDIT") checkNeedsWaypoint(target, path, "auditing", problems);
  else if (http.length > 0) {
    const meaning = action === "ALLOW" ? "allow nobody" : "deny everybody";
    const reason = `a rule with ${http.join(", ")} (which would ${meaning} at ztunnel)`;
    checkNeedsWaypoint(target, path, reason, problems);
  }
}

function checkNeedsWaypoint(target: Target, path: string, what: string, problems: Problems): void {
  if (target.dataPlane !== "ambient" || target.waypoint) return;
  problems.add(
    path,
    `${what} needs a waypoint for ${target.name}: ztunnel does not read HTTP; ` +
      `add { namespace: ${target.namespace} } to talos-mesh:mesh.waypoints, or set dataPlane: sidecar for the namespace`,
  );
}

function refuseAddresses(path: string, problems: Problems): void {
  problems.add(
    path,
    "behind a waypoint the address is the tunnel's, not the caller's; use from instead, or remove the waypoint",
  );
}

/** Only ztunnel sends requests through a waypoint: a sidecar, or a pod outside the mesh, passes it by and is refused. */
function checkCallers(
  { path, callers = [], namespaces = [], target }: AccessRule,
  dataPlanes: Readonly<Record<string, DataPlane>>,
  problems: Problems,
): void {
  const passBy = (namespace: string) => (dataPlanes[namespace] ?? "ambient") !== "ambient";
  const from = [
    ...callers
      .filter(({ namespace }) => passBy(namespace))
      .map(({ namespace, name }) => [`${namespace}/${name}`, namespace]),
    ...namespaces.filter(passBy).map((namespace) => [`namespace ${namespace}`, namespace]),
  ];
  for (const [who = "", namespace = ""] of from) {
    problems.add(
      path,
      `${who} (data plane ${dataPlanes[namespace]}) does not use waypoints, and ${target.name} accepts requests from its waypoint only; ` +
        `set dataPlane: ambient for namespace ${namespace}, or remove waypoint ${target.waypoint?.name}`,
    );
  }
}

/** A gateway passes a waypoint by unless the waypoint is for ingress too; its requests would be judged by nobody. */
function checkGateways(model: ResolvedModel, problems: Problems): void {
  const gateways = new Set(model.gateways.map(({ namespace, serviceAccount }) => `${namespace}/${serviceAccount}`));
  const isGateway = (caller: { namespace: string; serviceAccount: string }) =>
    gateways.has(`${caller.namespace}/${caller.serviceAccount}`);
  const protectedTargets = new Map<string, string>();
  for (const { target, path } of [...model.accessRules, ...model.externalRules, ...model.tokenRules]) {
    protectedTargets.set(`${target.namespace}/${target.name}`, path);
  }
  const closed = new Set(model.defaultDenyNamespaces);
  const advice = ({ name, waypoint }: Pick<Target, "name" | "waypoint">) =>
    `requests for ${name} from a gateway skip its waypoint, and ${name} accepts requests from its waypoint only; ` +
    `set ingress: true for waypoint ${waypoint?.name} in talos-mesh:mesh.waypoints`;
  for (const service of model.services) {
    if (!service.waypoint || service.waypoint.ingress || service.offers.length === 0) continue;
    if (!closed.has(service.namespace) && !protectedTargets.has(`${service.namespace}/${service.name}`)) continue;
    problems.add(`${service.offers[0]?.path}.gateways`, advice(service));
  }
  const offered = new Set(
    model.services.filter(({ offers }) => offers.length > 0).map((s) => `${s.namespace}/${s.name}`),
  );
  for (const { path, target, callers = [] } of model.accessRules) {
    if (!target.waypoint || target.waypoint.ingress || offered.has(`${target.namespace}/${target.name}`)) continue;
    if (callers.some(isGateway)) problems.add(`${path}.from`, advice(target));
  }
}
