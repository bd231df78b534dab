import type { ConfiguredApplication } from "../apps/application";
import { clusterTraits } from "../cluster/kinds";
import { configuredApplications } from "../apps/registry";
import { type DataPlane, dataPlaneOf, hasAmbient, hasSidecars } from "../model/data-planes";
import type { Model } from "../model/model";
import { suggestion } from "../settings/wording";
import { duplicates, type Problem, type SettingPath } from "../shared/problem";
import { checkEach } from "../shared/unknown";
import type { Check } from "./check";

/** Checks of data planes: of namespaces, waypoints, and how pods of applications get sidecars. */
export const dataPlaneChecks: readonly Check[] = [
  ambientProfile,
  sidecarMeshWaypoints,
  ztunnelValues,
  sidecarFields,
  proxyResources,
  registryOnly,
  scoping,
  namespacesWithWorkloads,
  waypoints,
  uniqueWaypoints,
  waypointsGatewayApi,
  ...[injectionDataPlane, staticInjection, ignoredWithoutSidecars].map(
    (check): Check =>
      ({ settings }) =>
        checkEach(configuredApplications(settings), [], (configured) => check(configured, settings)),
  ),
];

function* ambientProfile({ settings: { mesh } }: Model): Iterable<Problem> {
  if (hasAmbient(mesh) || mesh.profile !== "ambient") return;
  yield {
    path: ["mesh", "profile"],
    message: "found ambient; dataPlane sidecar goes with one of: default, demo, minimal, preview, stable",
  };
}

function* sidecarMeshWaypoints({ settings: { mesh } }: Model): Iterable<Problem> {
  if (hasAmbient(mesh) || mesh.waypoints.length === 0) return;
  yield {
    path: ["mesh", "waypoints"],
    message: "a sidecar mesh has no waypoints; set dataPlane: ambient or remove them",
  };
}

function* ztunnelValues({ settings: { mesh } }: Model): Iterable<Problem> {
  if (hasAmbient(mesh) || !mesh.values.ztunnel) return;
  yield { path: ["mesh", "values", "ztunnel"], message: "a sidecar mesh has no ztunnel; remove these values" };
}

const noSidecars = "no namespace of an ambient mesh has sidecars";

function* sidecarFields({ settings: { mesh } }: Model): Iterable<Problem> {
  if (hasSidecars(mesh)) return;
  for (const key of ["holdApplicationUntilProxyStarts", "sidecarScoping"] as const) {
    if (mesh[key] === undefined) continue;
    yield { path: ["mesh", key], message: `found ${mesh[key]}; ${noSidecars}; remove it` };
  }
}

function* proxyResources({ settings: { mesh } }: Model): Iterable<Problem> {
  if (hasSidecars(mesh) || !mesh.proxyResources || mesh.waypoints.length > 0) return;
  yield {
    path: ["mesh", "proxyResources"],
    message: `${noSidecars}, and this one has no waypoints; remove it; resources of ztunnel are set under mesh.values.ztunnel`,
  };
}

function* registryOnly({ settings: { mesh } }: Model): Iterable<Problem> {
  if (hasSidecars(mesh) || mesh.outboundTrafficPolicy !== "REGISTRY_ONLY") return;
  yield {
    path: ["mesh", "outboundTrafficPolicy"],
    message:
      "found REGISTRY_ONLY, which ztunnel does not enforce; expected ALLOW_ANY; restrict egress of an ambient mesh by NetworkPolicies",
  };
}

function* scoping({ settings: { mesh, security } }: Model): Iterable<Problem> {
  if (!mesh.sidecarScoping) return;
  const path = ["mesh", "sidecarScoping"];
  const { authorization } = security;
  const closed = authorization && [authorization.default, ...Object.values(authorization.namespaces)].includes("deny");
  if (!closed) {
    yield {
      path,
      message:
        "found true; it follows the rules of a mesh with talos-mesh:security.authorization.default: deny; set that, or remove this",
    };
  } else if (authorization.dryRun) {
    yield {
      path,
      message:
        "found true; the rules of security.authorization are a dry run, and scoping would enforce them; remove one of the two",
    };
  }
}

function namespacesWithWorkloads({ settings: { mesh }, names }: Model): Iterable<Problem> {
  return checkEach(mesh.namespaces, ["mesh", "namespaces"], ({ dataPlane }, path) => {
    const namespace = String(path.at(-1));
    if (dataPlane === undefined || names.workloadNames(namespace).length > 0) return [];
    const known = names.workloadNamespaces();
    return [
      {
        path: [...path, "dataPlane"],
        message: `namespace ${namespace} has no workloads: no application of this stack file is in it; ${suggestion(namespace, known)}`,
      },
    ];
  });
}

function waypoints({ settings: { mesh }, names }: Model): Iterable<Problem> {
  if (!hasAmbient(mesh)) return [];
  return checkEach(
    mesh.waypoints,
    ["mesh", "waypoints"],
    function* ({ namespace }, at) {
      const path = [...at, "namespace"];
      if (names.workloadNames(namespace).length === 0) {
        const known = names.workloadNamespaces();
        yield { path, message: `found ${namespace}, which has no workloads; ${suggestion(namespace, known)}` };
        return;
      }
      const dataPlane = dataPlaneOf(mesh, namespace);
      if (dataPlane === "ambient") return;
      yield {
        path,
        message: `found ${namespace}, whose data plane is ${dataPlane}; expected a namespace of data plane ambient`,
      };
    },
    function* ({ namespace, service }, at) {
      const known = names.workloadNames(namespace);
      if (service === undefined || known.length === 0 || names.findWorkload(namespace, service)) return;
      yield {
        path: [...at, "service"],
        message: `found ${service}; namespace ${namespace} has no such service; ${suggestion(service, known)}`,
      };
    },
  );
}

function* uniqueWaypoints({ settings: { mesh } }: Model): Iterable<Problem> {
  if (!hasAmbient(mesh)) return;
  yield* duplicates(
    checkEach(mesh.waypoints, ["mesh", "waypoints"], ({ namespace, service }, path) => [
      { path, key: service === undefined ? namespace : `${namespace}/${service}` },
    ]),
    "waypoint",
  );
}

function* waypointsGatewayApi({
  settings: { mesh, cluster, platform },
  cluster: { created },
}: Model): Iterable<Problem> {
  if (mesh.waypoints.length === 0 || platform.gatewayApi.install || !created) return;
  yield {
    path: ["platform", "gatewayApi", "install"],
    message: `found false; waypoints are objects of the Gateway API, which a cluster of kind ${cluster.kind} does not have; expected true`,
  };
}

const notInjected: Readonly<Record<Exclude<DataPlane, "sidecar">, string>> = {
  ambient: "an ambient mesh injects no sidecar",
  none: "its data plane is none",
};

type Settings = Model["settings"];

function* injectionDataPlane({ application, settings }: ConfiguredApplication, { mesh }: Settings): Iterable<Problem> {
  const { injection, namespace } = settings;
  if (injection !== "pod" && injection !== "static") return;
  const dataPlane = dataPlaneOf(mesh, namespace);
  if (dataPlane === "sidecar") return;
  yield {
    path: [application.name, "injection"],
    message: `found ${injection}; ${notInjected[dataPlane]}; expected one of: namespace, none`,
  };
}

function* staticInjection({ application, settings }: ConfiguredApplication, { cluster }: Settings): Iterable<Problem> {
  if (settings.injection !== "static" || !clusterTraits(cluster).simulatedNodes) return;
  yield {
    path: [application.name, "injection"],
    message: `found static; a cluster of kind ${cluster.kind} runs no injector that could write the sidecar out; expected one of: namespace, pod, none`,
  };
}

/** Rules for an application that its sidecars would enforce, where it has none. */
function* ignoredWithoutSidecars(
  { application, settings: { namespace, injection } }: ConfiguredApplication,
  { mesh, security, traffic }: Settings,
): Iterable<Problem> {
  const dataPlane = dataPlaneOf(mesh, namespace);
  // In ambient, ztunnel and waypoints enforce them.
  if (dataPlane === "ambient" || (dataPlane === "sidecar" && injection !== "none")) return;
  const ignored = [...enforcedBySidecars(namespace, security, traffic)];
  if (ignored.length === 0) return;
  const mtls = mesh.mtls === "STRICT" ? ", and mesh.mtls STRICT as well" : "";
  const [path, remedy]: [SettingPath, string] =
    dataPlane === "none"
      ? [["mesh", "namespaces", namespace, "dataPlane"], "set sidecar"]
      : [[application.name, "injection"], "set injection: namespace"];
  yield {
    path,
    message: `found none; without sidecars ${application.title} silently ignores ${ignored.join(", ")}${mtls}; ${remedy}, or remove these rules`,
  };
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
    if ((authorization.namespaces[namespace] ?? authorization.default) === "deny") {
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
