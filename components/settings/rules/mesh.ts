import type { Problem } from "../errors";
import type { MeshSettings } from "../sections/mesh";
import { rule } from "./rule";

/** Whether any part of the mesh runs without sidecars. */
function hasAmbient(mesh: MeshSettings): boolean {
  return (
    mesh.dataPlane === "ambient" || Object.values(mesh.namespaces).some(({ dataPlane }) => dataPlane === "ambient")
  );
}

function* dataPlaneProblems(mesh: MeshSettings): Iterable<Problem> {
  if (mesh.dataPlane === "ambient" && mesh.profile !== "ambient") {
    yield {
      path: ["mesh", "profile"],
      message: `found ${mesh.profile}; dataPlane ambient goes with profile ambient, which installs ztunnel`,
    };
  }
  if (hasAmbient(mesh)) return;
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

export const meshRules = [
  rule(["mesh"], ({ mesh }) => dataPlaneProblems(mesh)),
  rule(["environment", "mesh"], function* ({ environment, mesh }) {
    if (environment === "production" && mesh.mtls !== "STRICT") {
      yield { path: ["mesh", "mtls"], message: `found ${mesh.mtls}; environment production allows STRICT only` };
    }
  }),
  rule(["environment", "cluster", "charts"], function* ({ environment, cluster, charts }) {
    if (charts.source !== "auto") return;
    const path = ["charts", "source"];
    const expected = "expected a chart repository (https://...), a registry (oci://...) or a folder (./...)";
    if (environment === "production") {
      yield { path, message: `found auto, which may install stand-ins; environment production ${expected}` };
    } else if (cluster.kind !== "embedded") {
      yield { path, message: `found auto, which is for clusters of kind embedded; kind ${cluster.kind} ${expected}` };
    }
  }),
];
