import type { ConfiguredApplication } from "../apps/application";
import { type DataPlane, dataPlaneOf, hasAmbient, hasSidecars } from "../model/data-planes";
import type { Model } from "../model/model";
import type { Settings } from "../settings/schema";
import { suggestion } from "../settings/wording";
import { duplicates, type Refusal } from "../shared/problem";
import { checkEach } from "../shared/unknown";
import { applicationRule, type Check, refuse, rule } from "./check";
import { own } from "../shared/own";

const noSidecars = "no namespace of an ambient mesh has sidecars";

export const dataPlaneChecks: readonly Check[] = [
  refuse(
    "mesh.profile",
    (profile, { settings: { mesh } }) => profile === "ambient" && !hasAmbient(mesh),
    "found ambient; dataPlane sidecar goes with one of: default, demo, minimal, preview, stable",
  ),
  refuse(
    "mesh.waypoints",
    (waypoints, { settings: { mesh } }) => waypoints.length > 0 && !hasAmbient(mesh),
    "no namespace is ambient; set dataPlane: ambient for the mesh or under mesh.namespaces, or remove the waypoints",
  ),
  refuse(
    "mesh.values.ztunnel",
    (_, { settings: { mesh } }) => !hasAmbient(mesh),
    "a sidecar mesh has no ztunnel; remove these values",
  ),
  ...(["holdApplicationUntilProxyStarts", "sidecarScoping"] as const).map((field) =>
    rule(
      `mesh.${field}`,
      (found, { settings: { mesh } }) => !hasSidecars(mesh) && `found ${found}; ${noSidecars}; remove it`,
    ),
  ),
  refuse(
    "mesh.proxyResources",
    (_, { settings: { mesh } }) => !hasSidecars(mesh) && mesh.waypoints.length === 0,
    `${noSidecars}, and this one has no waypoints; remove it; resources of ztunnel are set under mesh.values.ztunnel`,
  ),
  refuse(
    "mesh.outboundTrafficPolicy",
    (policy, { settings: { mesh } }) => policy === "REGISTRY_ONLY" && !hasSidecars(mesh),
    "found REGISTRY_ONLY, which ztunnel does not enforce; expected ALLOW_ANY; restrict egress of an ambient mesh by NetworkPolicies",
  ),
  rule("mesh.sidecarScoping", (given, { settings: { security } }) => given && scoping(security)),
  rule("mesh.namespaces.*.dataPlane", (_, { names }, at) => {
    const namespace = String(at[2]);
    if (names.workloadNames(namespace).length > 0) return undefined;
    const hint = suggestion(namespace, names.workloadNamespaces());
    return `namespace ${namespace} has no workloads: no application of this stack file is in it; ${hint}`;
  }),
  rule("mesh.waypoints.*.namespace", (namespace, { names, settings: { mesh } }) => {
    if (!hasAmbient(mesh)) return undefined;
    if (names.workloadNames(namespace).length === 0) {
      return `found ${namespace}, which has no workloads; ${suggestion(namespace, names.workloadNamespaces())}`;
    }
    const dataPlane = dataPlaneOf(mesh, namespace);
    if (dataPlane === "ambient") return undefined;
    return `found ${namespace}, whose data plane is ${dataPlane}; expected a namespace of data plane ambient`;
  }),
  rule("mesh.waypoints.*", ({ namespace, service }, { names, settings: { mesh } }) => {
    if (service === undefined || !hasAmbient(mesh)) return undefined;
    const known = names.workloadNames(namespace);
    if (known.length === 0 || names.findWorkload(namespace, service)) return undefined;
    return { service: `found ${service}; namespace ${namespace} has no such service; ${suggestion(service, known)}` };
  }),
  ({ settings: { mesh } }) => {
    const entries = checkEach(mesh.waypoints, ["mesh", "waypoints"], ({ namespace, service }, path) => [
      { path, key: service === undefined ? namespace : `${namespace}/${service}` },
    ]);
    return hasAmbient(mesh) ? duplicates(entries, "waypoint") : [];
  },
  rule("platform.gatewayApi.install", (install, { settings: { mesh, cluster }, cluster: { created } }) =>
    !install && mesh.waypoints.length > 0 && created
      ? `found false; waypoints are objects of the Gateway API, which a cluster of kind ${cluster.kind} does not have; expected true`
      : undefined,
  ),
  applicationRule(({ application, settings: { injection, namespace } }, { settings: { mesh } }) => {
    if (injection !== "pod" && injection !== "static") return undefined;
    const dataPlane = dataPlaneOf(mesh, namespace);
    if (dataPlane === "sidecar") return undefined;
    const message = `found ${injection}; ${notInjected[dataPlane]}; expected one of: namespace, none`;
    return { [application.name]: { injection: message } };
  }),
  applicationRule(({ application, settings: { injection } }, { settings, cluster }) => {
    if (injection !== "static" || !cluster.simulatedNodes) return undefined;
    const message = `found static; a cluster of kind ${settings.cluster.kind} runs no injector that could write the sidecar out; expected one of: namespace, pod, none`;
    return { [application.name]: { injection: message } };
  }),
  applicationRule(ignoredWithoutSidecars),
];

function scoping({ authorization }: Settings["security"]): Refusal {
  if (!authorization || ![authorization.default, ...Object.values(authorization.namespaces)].includes("deny")) {
    return "found true; it follows the rules of a mesh with talos-mesh:security.authorization.default: deny; set that, or remove this";
  }
  return (
    authorization.dryRun &&
    "found true; the rules of security.authorization are a dry run, and scoping would enforce them; remove one of the two"
  );
}

const notInjected: Readonly<Record<Exclude<DataPlane, "sidecar">, string>> = {
  ambient: "an ambient mesh injects no sidecar",
  none: "its data plane is none",
};

/** Rules for an application that its sidecars would enforce, where it has none. */
function ignoredWithoutSidecars({ application, settings }: ConfiguredApplication, model: Model): Refusal {
  const { namespace, injection } = settings;
  const { mesh, security, traffic } = model.settings;
  const dataPlane = dataPlaneOf(mesh, namespace);
  // In ambient, ztunnel and waypoints enforce them.
  if (dataPlane === "ambient" || (dataPlane === "sidecar" && injection !== "none")) return undefined;
  const ignored = [...enforcedBySidecars(namespace, security, traffic)];
  if (ignored.length === 0) return undefined;
  const mtls = mesh.mtls === "STRICT" ? ", and mesh.mtls STRICT as well" : "";
  const message = (remedy: string) =>
    `found none; without sidecars ${application.title} silently ignores ${ignored.join(", ")}${mtls}; ${remedy}, or remove these rules`;
  return dataPlane === "none"
    ? { mesh: { namespaces: { [namespace]: { dataPlane: message("set sidecar") } } } }
    : { [application.name]: { injection: message("set injection: namespace") } };
}

/** Settings that sidecars of a namespace have to enforce, as paths. Routes of a gateway are the gateway's to enforce. */
function* enforcedBySidecars(
  namespace: string,
  { authorization, jwt, peerAuthentication }: Settings["security"],
  traffic: Settings["traffic"],
): Iterable<string> {
  const targeted = (path: string, targets: readonly { readonly namespace?: string | undefined }[]) =>
    targets.flatMap((target, index) => ((target.namespace ?? namespace) === namespace ? [`${path}[${index}]`] : []));

  if (authorization) {
    if ((own(authorization.namespaces, namespace) ?? authorization.default) === "deny") {
      yield "security.authorization.default deny";
    }
    for (const list of ["allow", "deny", "audit"] as const) {
      yield* targeted(`security.authorization.${list}`, authorization[list]);
    }
  }
  yield* targeted("security.jwt", jwt);
  yield* targeted("security.peerAuthentication", peerAuthentication);
  for (const [index, service] of traffic.services.entries()) {
    if ((service.namespace ?? namespace) !== namespace || service.gateways.length > 0) continue;
    if (service.http.length > 0 || service.trafficPolicy) yield `traffic.services[${index}]`;
  }
}
