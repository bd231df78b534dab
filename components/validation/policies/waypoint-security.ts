import { ambientRefusal } from "../../../policies/capabilities";
import { workloadKey } from "../../model/names";
import {
  type AccessRule,
  bypassesWaypoints,
  type ExternalRule,
  type MeshService,
  type MeshWorkload,
  type MtlsException,
  type PolicyModel,
} from "../../model/policies/policy-model";
import type { Problem, SettingPath } from "../../shared/problem";
import { checkEach, runChecks } from "../../shared/unknown";

/** Security policies that ztunnel and waypoints would not enforce as written. */
export function* waypointSecurityProblems(model: PolicyModel): Iterable<Problem> {
  yield* checkEach(
    model.accessRules,
    [],
    ztunnelLimits,
    addressProblems,
    (rule) => callerProblems(rule, model),
    (rule) => gatewayCallerProblems(rule, model),
  );
  yield* checkEach(
    model.externalRules,
    [],
    ({ target, path }) => needsWaypoint(target, path, "external authorization"),
    addressProblems,
  );
  yield* checkEach(model.tokenRules, [], ({ target, path }) => needsWaypoint(target, path, "reading tokens"));
  yield* checkEach(model.mtlsExceptions, [], disabledMtls, (exception) => plainTextProblems(exception, model));
  yield* checkEach(model.services, [], (service) => exposureProblems(service, model));
  yield* runChecks(() => dryRunProblems(model));
}

function* needsWaypoint(
  { dataPlane, waypoint, name, namespace }: MeshWorkload,
  path: SettingPath,
  what: string,
): Iterable<Problem> {
  if (dataPlane !== "ambient" || waypoint) return;
  yield {
    path,
    message:
      `${what} needs a waypoint for ${name}: ztunnel does not read HTTP; ` +
      `add { namespace: ${namespace} } to talos-mesh:mesh.waypoints, or set dataPlane: sidecar for the namespace`,
  };
}

const httpConditions = ["methods", "paths", "headers", "claims"] as const;

/** ztunnel reads no HTTP and audits nothing. */
function* ztunnelLimits({ path, target, action, settings }: AccessRule): Iterable<Problem> {
  if (action === "AUDIT") {
    yield* needsWaypoint(target, path, "auditing");
    return;
  }
  const conditions = httpConditions.filter((condition) => settings[condition] !== undefined);
  if (conditions.length === 0) return;
  const effect = action === "ALLOW" ? "allow no client" : "deny every client";
  yield* needsWaypoint(target, path, `a rule with ${conditions.join(", ")} (which would ${effect} at ztunnel)`);
}

function* addressProblems({ path, target, settings }: AccessRule | ExternalRule): Iterable<Problem> {
  if (!target.waypoint || !settings.ipBlocks) return;
  const message =
    "behind a waypoint the address is that of the tunnel, not of the client; use from instead, or remove the waypoint";
  yield { path: [...path, "ipBlocks"], message };
}

/** A client that bypasses waypoints is refused by the pods. */
function* callerProblems(
  { path, callers = [], namespaces = [], target }: AccessRule,
  model: PolicyModel,
): Iterable<Problem> {
  if (!target.waypoint) return;
  const clients = [
    ...callers.map(({ namespace, name }) => ({ namespace, client: `${namespace}/${name}` })),
    ...namespaces.map((namespace) => ({ namespace, client: `namespace ${namespace}` })),
  ];
  for (const { namespace, client } of clients) {
    if (!bypassesWaypoints(model, namespace)) continue;
    yield {
      path,
      message:
        `${client} (data plane ${model.names.dataPlane(namespace)}) does not use waypoints, ` +
        `and ${target.name} accepts requests from its waypoint only; ` +
        `set dataPlane: ambient for namespace ${namespace}, or remove waypoint ${target.waypoint.name}`,
    };
  }
}

/** Gateways bypass a waypoint without `ingress`, and the pods of a workload with rules accept its waypoint only. */
function* exposureProblems(service: MeshService, { waypointOnly }: PolicyModel): Iterable<Problem> {
  const [exposure] = service.exposures;
  if (!service.waypoint || service.waypoint.ingress || !exposure) return;
  if (!waypointOnly.some((workload) => workloadKey(workload) === workloadKey(service))) return;
  yield { path: [...exposure.path, "gateways"], message: bypassedByGateway(service) };
}

function* gatewayCallerProblems(
  { path, target, callers = [] }: AccessRule,
  { gateways, services }: PolicyModel,
): Iterable<Problem> {
  if (!target.waypoint || target.waypoint.ingress) return;
  const isGateway = callers.some((caller) =>
    gateways.some((one) => one.namespace === caller.namespace && one.serviceAccount === caller.serviceAccount),
  );
  if (!isGateway) return;
  const service = services.find((one) => workloadKey(one) === workloadKey(target));
  // An exposed service has that problem already.
  if (service && service.exposures.length > 0) return;
  yield { path: [...path, "from"], message: bypassedByGateway(target) };
}

function bypassedByGateway({ name, waypoint }: Pick<MeshWorkload, "name" | "waypoint">): string {
  return (
    `requests for ${name} from a gateway bypass its waypoint, and ${name} accepts requests from its waypoint only; ` +
    `set ingress: true for waypoint ${waypoint?.name} in talos-mesh:mesh.waypoints`
  );
}

function modesOf({ settings: { mode, ports = {} } }: MtlsException): readonly string[] {
  return [mode, ...Object.values(ports)];
}

function* disabledMtls(exception: MtlsException): Iterable<Problem> {
  if (exception.dataPlane !== "ambient" || !modesOf(exception).includes("DISABLE")) return;
  yield { path: [...exception.path, "mode"], message: ambientRefusal("mtlsDisable") };
}

/** Plain text does not go through waypoints: the exception would let no client in. */
function* plainTextProblems(exception: MtlsException, { waypointOnly }: PolicyModel): Iterable<Problem> {
  const { path, settings } = exception;
  if (!modesOf(exception).includes("PERMISSIVE")) return;
  const target = waypointOnly.find(
    ({ namespace, name }) =>
      namespace === settings.namespace && (settings.workload === undefined || name === settings.workload),
  );
  if (!target) return;
  yield {
    path,
    message:
      `found PERMISSIVE, but ${target.name} accepts requests from its waypoint only, and plain text does not go through waypoints; ` +
      `remove the exception, or the rules of ${target.name}, or waypoint ${target.waypoint.name}`,
  };
}

function* dryRunProblems({ dryRun, workloads }: PolicyModel): Iterable<Problem> {
  if (!dryRun || !workloads.some(({ dataPlane }) => dataPlane === "ambient")) return;
  yield { path: ["security", "authorization", "dryRun"], message: ambientRefusal("dryRun") };
}
