import { dataPlaneOf } from "../../model/data-planes";
import type { BookinfoSettings } from "../../settings/sections/apps";
import type { SecuritySettings } from "../../settings/sections/security";
import type { TrafficSettings } from "../../settings/sections/traffic";
import { rule } from "./rule";

type Target = { readonly namespace?: string | undefined };

/** Settings that a sidecar of Bookinfo has to enforce, as paths. Routes of a gateway are the gateway's to enforce. */
function* enforcedBySidecars(
  { namespace }: BookinfoSettings,
  { authorization, jwt, peerAuthentication }: SecuritySettings,
  traffic: TrafficSettings,
): Iterable<string> {
  const places = (path: string, targets: readonly Target[]) =>
    targets.flatMap((target, index) => ((target.namespace ?? namespace) === namespace ? [`${path}[${index}]`] : []));

  if (authorization) {
    if ((authorization.namespaces[namespace] ?? authorization.default) === "deny") {
      yield "security.authorization.default deny";
    }
    for (const list of ["allow", "deny", "audit"] as const) {
      yield* places(`security.authorization.${list}`, authorization[list]);
    }
  }
  yield* places("security.jwt", jwt);
  yield* places("security.peerAuthentication", peerAuthentication);
  for (const [index, service] of traffic.services.entries()) {
    if ((service.namespace ?? namespace) !== namespace || service.gateways.length > 0) continue;
    if (service.http.length > 0 || service.trafficPolicy) yield `traffic.services[${index}]`;
  }
}

export const injectionRules = [
  rule(["bookinfo", "mesh", "security", "traffic"], function* ({ bookinfo, mesh, security, traffic }) {
    if (!bookinfo) return;
    const { namespace, injection } = bookinfo;
    const dataPlane = dataPlaneOf(mesh, namespace);
    // In ambient, ztunnel and waypoints enforce them: none is how a namespace goes without sidecars there.
    if (dataPlane === "ambient" || (dataPlane === "sidecar" && injection !== "none")) return;
    const ignored = [...enforcedBySidecars(bookinfo, security, traffic)];
    if (ignored.length === 0) return;
    const mtls = mesh.mtls === "STRICT" ? ", and mesh.mtls STRICT as well" : "";
    const [path, remedy] =
      dataPlane === "none"
        ? [["mesh", "namespaces", namespace, "dataPlane"], "set sidecar"]
        : [["bookinfo", "injection"], "set injection: namespace"];
    yield {
      path,
      message: `found none; without sidecars Bookinfo silently ignores ${ignored.join(", ")}${mtls}; ${remedy}, or remove these rules`,
    };
  }),
];
