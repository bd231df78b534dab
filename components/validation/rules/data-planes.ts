import { dataPlaneOf, hasAmbient, hasSidecars, workloadNamespaces } from "../../model/data-planes";
import type { Problem } from "../../shared/problem";
import type { Settings } from "../../settings/schema";
import type { MeshSettings } from "../../settings/sections/mesh";
import { suggestion } from "../../settings/suggest";
import { compareMinor, istioSince, minorOf, oldestCompatibility } from "../../settings/versions";
import { duplicates } from "./duplicates";
import { rule } from "./rule";
import { workloadsByName } from "./workload-names";

/** Settings that need ztunnel, in a mesh without. */
function* ambientOnly(mesh: MeshSettings): Iterable<Problem> {
  if (mesh.profile === "ambient") {
    yield {
      path: ["mesh", "profile"],
      message: "found ambient; dataPlane sidecar goes with one of: default, demo, minimal, preview, stable",
    };
  }
  if (mesh.waypoints.length > 0) {
    yield {
      path: ["mesh", "waypoints"],
      message: "a sidecar mesh has no waypoints; set dataPlane: ambient or remove them",
    };
  }
  if (mesh.values.ztunnel) {
    yield { path: ["mesh", "values", "ztunnel"], message: "a sidecar mesh has no ztunnel; remove these values" };
  }
}

/** Settings that only a sidecar follows, in a mesh without. */
function* sidecarOnly(mesh: MeshSettings): Iterable<Problem> {
  const none = "no namespace of an ambient mesh has sidecars";
  for (const key of ["holdApplicationUntilProxyStarts", "sidecarScoping"] as const) {
    if (mesh[key] === undefined) continue;
    yield { path: ["mesh", key], message: `found ${mesh[key]}; ${none}; remove it` };
  }
  if (mesh.proxyResources && mesh.waypoints.length === 0) {
    yield {
      path: ["mesh", "proxyResources"],
      message: `${none}, and this one has no waypoints; remove it; resources of ztunnel stand under mesh.values.ztunnel`,
    };
  }
  if (mesh.outboundTrafficPolicy === "REGISTRY_ONLY") {
    yield {
      path: ["mesh", "outboundTrafficPolicy"],
      message:
        "found REGISTRY_ONLY, which ztunnel does not enforce; expected ALLOW_ANY; what may leave an ambient mesh is for NetworkPolicies to say",
    };
  }
}

function* versionProblems(mesh: MeshSettings): Iterable<Problem> {
  const { version, canary } = mesh;
  if (hasAmbient(mesh) && compareMinor(minorOf(version), istioSince.ambient) < 0) {
    yield {
      path: ["mesh", "version"],
      message: `found ${version}; dataPlane ambient needs Istio ${istioSince.ambient} or newer`,
    };
  }
  // Both control planes get it, and a chart fails that does not have it.
  for (const minor of new Set([version, ...(canary ? [canary.version] : [])].map(minorOf))) {
    yield* compatibilityProblems(mesh, minor);
  }
}

function* compatibilityProblems({ compatibilityVersion }: MeshSettings, minor: string): Iterable<Problem> {
  const oldest = oldestCompatibility[minor];
  if (compatibilityVersion === undefined || oldest === undefined) return;
  if (compareMinor(compatibilityVersion, oldest) >= 0 && compareMinor(compatibilityVersion, minor) < 0) return;
  const newest = `1.${Number(minor.split(".")[1]) - 1}`;
  yield {
    path: ["mesh", "compatibilityVersion"],
    message: `found ${compatibilityVersion}; the charts of Istio ${minor} know ${oldest} to ${newest}; set one of these or remove it`,
  };
}

type Places = Pick<Settings, "mesh" | "bookinfo" | "applications">;

function* namespaceProblems(settings: Places): Iterable<Problem> {
  const known = workloadNamespaces(settings);
  for (const [namespace, { dataPlane }] of Object.entries(settings.mesh.namespaces)) {
    if (dataPlane === undefined || known.includes(namespace)) continue;
    yield {
      path: ["mesh", "namespaces", namespace, "dataPlane"],
      message: `there are no workloads in namespace ${namespace}: it is neither Bookinfo's nor one of talos-mesh:applications; ${suggestion(namespace, known)}`,
    };
  }
}

function* waypointProblems(settings: Places): Iterable<Problem> {
  const { mesh } = settings;
  const known = workloadNamespaces(settings);
  const workloads = workloadsByName(settings);
  for (const [index, { namespace, service }] of mesh.waypoints.entries()) {
    const path = ["mesh", "waypoints", index];
    if (!known.includes(namespace)) {
      yield {
        path: [...path, "namespace"],
        message: `found ${namespace}, and there are no workloads in it; ${suggestion(namespace, known)}`,
      };
      continue;
    }
    const dataPlane = dataPlaneOf(mesh, namespace);
    if (dataPlane !== "ambient") {
      yield {
        path: [...path, "namespace"],
        message: `found ${namespace}, whose data plane is ${dataPlane}; expected a namespace of data plane ambient`,
      };
    }
    if (service !== undefined && !workloads.findWorkload(namespace, service)) {
      yield {
        path: [...path, "service"],
        message: `found ${service}, and namespace ${namespace} has no such service; ${suggestion(service, workloads.workloadNames(namespace))}`,
      };
    }
  }
  yield* duplicates(
    mesh.waypoints.map(({ namespace, service }, index) => ({
      path: ["mesh", "waypoints", index],
      key: service === undefined ? namespace : `${namespace}/${service}`,
    })),
    "waypoint",
  );
}

export const dataPlaneRules = [
  rule(["mesh"], function* ({ mesh }) {
    if (!hasAmbient(mesh)) yield* ambientOnly(mesh);
    if (!hasSidecars(mesh)) yield* sidecarOnly(mesh);
    yield* versionProblems(mesh);
  }),
  rule(["mesh", "bookinfo", "applications"], function* (settings) {
    yield* namespaceProblems(settings);
    if (hasAmbient(settings.mesh)) yield* waypointProblems(settings);
  }),
  rule(["mesh", "cluster", "platform"], function* ({ mesh, cluster, platform }) {
    if (mesh.waypoints.length > 0 && !platform.gatewayApi.install && cluster.kind !== "existing") {
      yield {
        path: ["platform", "gatewayApi", "install"],
        message: `found false; waypoints are objects of the Gateway API, which a cluster of kind ${cluster.kind} does not bring; expected true`,
      };
    }
    if (mesh.platform !== undefined && cluster.kind !== "existing") {
      yield {
        path: ["mesh", "platform"],
        message: `found ${mesh.platform}; a cluster of kind ${cluster.kind} needs none; remove it`,
      };
    }
  }),
  rule(["bookinfo", "mesh"], function* ({ bookinfo, mesh }) {
    if (!bookinfo || (bookinfo.injection !== "pod" && bookinfo.injection !== "static")) return;
    const dataPlane = dataPlaneOf(mesh, bookinfo.namespace);
    if (dataPlane === "sidecar") return;
    const why = dataPlane === "ambient" ? "an ambient mesh injects no sidecar" : "its data plane is none";
    yield {
      path: ["bookinfo", "injection"],
      message: `found ${bookinfo.injection}; ${why}; expected one of: namespace, none`,
    };
  }),
];
