import type { EgressSettings } from "../../components/settings/sections/security";
import { ambientRefusal } from "../capabilities";
import type { PolicyModel } from "../model";
import type { Problems } from "../problems";
import type { Directory } from "./directory";
import { checkEgress } from "./egress-checks";
import type { Egress, EgressMode, EgressRule, Target } from "./resolved";
import { targetOf } from "./security";

/** Looks up who may leave the mesh and by which way, and refuses what that way cannot keep apart. */
export function resolveEgress(model: PolicyModel, directory: Directory, problems: Problems): Egress | undefined {
  const { egress } = model.security;
  if (!egress) return undefined;
  const rules = egress.allow.flatMap((settings, index) => {
    const path = `security.egress.allow[${index}]`;
    const [first = "", second] = settings.from.split("/");
    const workload =
      second === undefined ? directory.find(model.defaultNamespace, first) : directory.find(first, second);
    if (!workload) {
      problems.add(`${path}.from`, `found ${settings.from}, a gateway; expected the workload that may leave the mesh`);
      return [];
    }
    const target = targetOf(workload, directory);
    const reason = wrongMode(egress.mode, target);
    if (reason !== undefined) {
      problems.add(`${path}.from`, reason);
      return [];
    }
    const mode = egress.mode ?? defaultMode(target);
    const waypoint = mode === "waypoint" ? directory.namespaceWaypoint(target.namespace) : undefined;
    if (mode === "waypoint" && !waypoint) {
      problems.add(
        `${path}.from`,
        `ways out of the ambient namespace ${target.namespace} go through its waypoint; ` +
          `add { namespace: ${target.namespace} } to talos-mesh:mesh.waypoints`,
      );
    }
    return [{ path, workload: { ...target, ...(waypoint && { waypoint }) }, mode, settings }];
  });
  checkEgress(rules, directory, problems);
  return { rules, ...(egress.mode === "egressGateway" && { gateway: directory.gateway("egress") }) };
}

/** A sidecar lets out the workload beside it; an ambient one is let out by its namespace's waypoint. */
function defaultMode({ dataPlane }: Target): EgressMode {
  return dataPlane === "ambient" ? "waypoint" : "sidecar";
}

function wrongMode(mode: EgressSettings["mode"], { name, namespace, dataPlane }: Target): string | undefined {
  if (dataPlane === "none") return `${name} is not in the mesh; set the data plane of namespace ${namespace}`;
  if (mode === "egressGateway" && dataPlane === "ambient") return ambientRefusal("egressGateway");
  if (mode === "sidecar" && dataPlane === "ambient") return ambientRefusal("egressSidecar");
  if (mode === "waypoint" && dataPlane === "sidecar") {
    return (
      `${name} has a sidecar, and mode waypoint is for ambient workloads; ` +
      "remove security.egress.mode, so that each leaves the way its data plane has"
    );
  }
  return undefined;
}

/** The rules of one way out. */
export function rulesOf({ egress }: { readonly egress?: Egress }, mode: EgressMode): readonly EgressRule[] {
  return (egress?.rules ?? []).filter((rule) => rule.mode === mode);
}
