import { configuredApplications } from "../apps/registry";
import { type DataPlane, dataPlaneOf, hasAmbient, hasSidecars } from "../model/data-planes";
import type { Model } from "../model/model";
import type { Settings } from "../settings/schema";
import { suggestion } from "../settings/wording";
import type { PolicyModel } from "../model/policies/policy-model";
import { duplicates, problemsOf, type Refusal, shortPath } from "../shared/problem";
import { isSystemNamespace } from "../shared/istio";
import { checkEach, runChecks } from "../shared/unknown";
import { applicationRule, type Check, proxyRemedy, refuse, rule } from "./check";

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
    "mesh.trustDomainAliases",
    (_, { settings: { mesh } }) => hasAmbient(mesh),
    "ztunnel compares identities as they are, and takes none of another trust domain for one of the mesh; remove it, and name them by principals",
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
  rule("mesh.namespaces.*.dataPlane", (found, { names }, at) => {
    const namespace = String(at[2]);
    if (isSystemNamespace(namespace)) return `found ${found}; ${proxyRemedy(namespace)}`;
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
  rule("security.authorization.namespaces.*", (found, _, at) => {
    const namespace = String(at.at(-1));
    return isSystemNamespace(namespace) && `found ${found}; ${proxyRemedy(namespace)}`;
  }),
  function* (model) {
    for (const namespace of model.names.workloadNamespaces()) {
      yield* runChecks(() => problemsOf(ignoredWithoutProxies(namespace, model), []));
    }
  },
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

/** Policies for the pods of a namespace that have no proxies to enforce them. */
function ignoredWithoutProxies(namespace: string, model: Model): Refusal {
  const { mesh } = model.settings;
  const deployed = configuredApplications(model.settings).find((one) => one.settings.namespace === namespace);
  const dataPlane = dataPlaneOf(mesh, namespace);
  // Policies for the workloads of the system are refused one by one.
  if (isSystemNamespace(namespace)) return undefined;
  // In ambient, ztunnel and waypoints enforce them.
  if (dataPlane === "ambient" || (dataPlane === "sidecar" && deployed?.settings.injection !== "none")) return undefined;
  const routes = deployed ? routesInMesh(namespace, model.settings.traffic) : [];
  const ignored = [...enforcedByProxies(namespace, model.policies), ...routes];
  if (ignored.length === 0) return undefined;
  const mtls = mesh.mtls === "STRICT" ? ", and mesh.mtls STRICT as well" : "";
  const title = deployed
    ? `without sidecars ${deployed.application.title}`
    : `without a data plane namespace ${namespace}`;
  const message = (remedy: string) =>
    `found none; ${title} silently ignores ${ignored.join(", ")}${mtls}; ${remedy}, or remove these rules`;
  return dataPlane === "none" || !deployed
    ? { mesh: { namespaces: { [namespace]: { dataPlane: message("set sidecar") } } } }
    : { [deployed.application.name]: { injection: message("set injection: namespace") } };
}

/** Settings that the proxies of a namespace have to enforce, as paths. Those of the whole mesh need no proxy everywhere. */
function enforcedByProxies(namespace: string, { targeted, defaultDenyNamespaces }: PolicyModel): string[] {
  const ofNamespace = targeted.filter(({ target }) => target.kind !== "gateway" && target.namespace === namespace);
  const denied = defaultDenyNamespaces.has(namespace) ? ["security.authorization.default deny"] : [];
  return [...denied, ...ofNamespace.map(({ path }) => shortPath(path))];
}

/** Routes for clients in the mesh; those of a gateway are the gateway's to enforce. */
function routesInMesh(namespace: string, { services }: Settings["traffic"]): string[] {
  return services.flatMap((service, index) => {
    if ((service.namespace ?? namespace) !== namespace || service.gateways.length > 0) return [];
    return service.http.length > 0 || service.trafficPolicy ? [`traffic.services[${index}]`] : [];
  });
}
