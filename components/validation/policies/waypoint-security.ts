import { ambientRefusal } from "../../../policies/capabilities";
import { beyondZtunnel, conditionsIn } from "../../../policies/conditions";
import { type PolicyTarget, waypointTitle, workloadKey } from "../../model/names";
import {
  type AccessRule,
  bypassesWaypoints,
  type ExternalRule,
  type MtlsException,
  type PolicyModel,
} from "../../model/policies/policy-model";
import { type Problem, problemsOf, type Refusal } from "../../shared/problem";
import { checkEach, runChecks } from "../../shared/unknown";
import type { WaypointWorkload } from "../../shared/workload";
import { problemsAt } from "../check";

/** Security policies that ztunnel and waypoints would not enforce as written. */
export function* waypointSecurityProblems(model: PolicyModel): Iterable<Problem> {
  yield* problemsAt(
    model.accessRules,
    (rule) => ztunnelLimits(rule, model),
    addresses,
    (rule) => bypassingCallers(rule, model),
    (rule) => gatewayCallers(rule, model),
    ({ target, settings }) =>
      settings.dryRun === true &&
      target.workloads.some(({ dataPlane }) => dataPlane === "ambient") && { dryRun: ambientRefusal("ruleDryRun") },
  );
  yield* problemsAt(
    model.externalRules,
    ({ target }) => needsWaypoint(target, "external authorization", model),
    addresses,
  );
  yield* problemsAt(model.tokenRules, ({ target }) => needsWaypoint(target, "reading tokens", model));
  yield* problemsAt(
    model.mtlsExceptions,
    (exception) =>
      model.names.dataPlane(exception.target.namespace) === "ambient" &&
      modesOf(exception).includes("DISABLE") && { mode: ambientRefusal("mtlsDisable") },
    (exception) => plainText(exception, model),
  );
  // Gateways bypass a waypoint without `ingress`, and the pods of a workload with rules accept its waypoint only.
  yield* checkEach(model.services, [], (service) => {
    const [exposure] = service.exposures;
    if (!service.waypoint || service.waypoint.ingress || !exposure) return [];
    if (!model.waypointOnly.some((workload) => workloadKey(workload) === workloadKey(service))) return [];
    return problemsOf(bypassedByGateway(service.name, service.waypoint), [...exposure.path, "gateways"]);
  });
  yield* runChecks(() =>
    problemsOf(
      model.dryRun && model.workloads.some(({ dataPlane }) => dataPlane === "ambient") && ambientRefusal("dryRun"),
      ["security", "authorization", "dryRun"],
    ),
  );
}

export function needsWaypoint(
  { workloads }: PolicyTarget,
  what: string,
  { services }: PolicyModel,
  effect = "",
): string | undefined {
  const without = workloads.find(({ dataPlane, waypoint }) => dataPlane === "ambient" && !waypoint);
  if (!without) return undefined;
  const { name, namespace } = without;
  const exposed = services.some(
    (service) => workloadKey(service) === workloadKey(without) && service.exposures.length > 0,
  );
  const entry = `{ namespace: ${namespace}${exposed ? ", ingress: true" : ""} }`;
  return (
    `${what} needs a waypoint for ${name}: ztunnel does not read HTTP${effect}; ` +
    `add ${entry} to talos-mesh:mesh.waypoints, or set dataPlane: sidecar for the namespace`
  );
}

/** ztunnel reads no HTTP and audits nothing. */
function ztunnelLimits({ target, action, settings }: AccessRule, model: PolicyModel): Refusal {
  if (action === "AUDIT") return needsWaypoint(target, "auditing", model);
  const conditions = conditionsIn(settings, beyondZtunnel);
  if (conditions.length === 0) return undefined;
  const effect = action === "ALLOW" ? "allow no client" : "deny every client";
  return needsWaypoint(target, `a rule with ${conditions.join(" and ")}`, model, `, and would ${effect} by this rule`);
}

/** What the tunnel to a waypoint hides. */
const hiddenByTunnel = {
  ipBlocks: "behind a waypoint the address is that of the tunnel, not of the client; use from instead",
  destinationIps: "a waypoint is not the destination of the connection; use to instead",
  sni: "a waypoint sees no TLS of its clients; use hosts instead",
} as const;

function addresses({ target, settings }: AccessRule | ExternalRule): Refusal {
  if (!target.workloads.some(({ waypoint }) => waypoint)) return undefined;
  const reasons = Object.entries(hiddenByTunnel) as [keyof typeof hiddenByTunnel, string][];
  const fields = reasons.flatMap(([name, reason]) =>
    conditionsIn(settings, [name]).map((field) => [field, `${reason}, or remove the waypoint`]),
  );
  return Object.fromEntries(fields) as Record<string, string>;
}

/** A client that bypasses waypoints is refused by the pods. */
function bypassingCallers({ callers = [], settings, target }: AccessRule, model: PolicyModel): Refusal {
  const served = target.workloads.find(({ waypoint }) => waypoint);
  const { name, waypoint } = served ?? {};
  if (!waypoint) return undefined;
  const clients = [
    ...callers.map(({ namespace, name }) => ({ namespace, client: `${namespace}/${name}` })),
    ...(settings.fromNamespaces ?? [])
      .filter((name) => !name.includes("*"))
      .map((namespace) => ({ namespace, client: `namespace ${namespace}` })),
  ];
  return clients
    .filter(({ namespace }) => bypassesWaypoints(model, namespace))
    .map(
      ({ namespace, client }) =>
        `${client} (data plane ${model.names.dataPlane(namespace)}) does not use waypoints, ` +
        `and ${name} accepts requests from its waypoint only; ` +
        `set dataPlane: ambient for namespace ${namespace}, or remove ${waypointTitle(waypoint)}`,
    );
}

function gatewayCallers({ target, callers = [] }: AccessRule, { gateways, services }: PolicyModel): Refusal {
  const bypassed = target.workloads.find(({ waypoint }) => waypoint && !waypoint.ingress);
  if (!bypassed?.waypoint) return undefined;
  const isGateway = callers.some((caller) =>
    gateways.some((one) => one.namespace === caller.namespace && one.serviceAccount === caller.serviceAccount),
  );
  if (!isGateway) return undefined;
  const service = services.find((one) => workloadKey(one) === workloadKey(bypassed));
  // An exposed service has that problem already.
  if (service && service.exposures.length > 0) return undefined;
  return { from: bypassedByGateway(bypassed.name, bypassed.waypoint) };
}

function bypassedByGateway(name: string, waypoint: WaypointWorkload): string {
  return (
    `requests for ${name} from a gateway bypass its waypoint, and ${name} accepts requests from its waypoint only; ` +
    `set ingress: true for ${waypointTitle(waypoint)} in talos-mesh:mesh.waypoints`
  );
}

function modesOf({ settings: { mode, ports = {} } }: MtlsException): readonly string[] {
  return [...(mode === undefined ? [] : [mode]), ...Object.values(ports)];
}

/** Plain text does not go through waypoints: the exception would let no client in. */
function plainText(exception: MtlsException, { waypointOnly }: PolicyModel): Refusal {
  if (!modesOf(exception).includes("PERMISSIVE")) return undefined;
  const excepted = new Set(exception.target.workloads.map(workloadKey));
  const target = waypointOnly.find((workload) => excepted.has(workloadKey(workload)));
  return (
    target &&
    `found PERMISSIVE, but ${target.name} accepts requests from its waypoint only, and plain text does not go through waypoints; ` +
      `remove the exception, or the rules of ${target.name}, or ${waypointTitle(target.waypoint)}`
  );
}
