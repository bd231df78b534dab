import type { KubernetesObject } from "../components/shared/kubernetes/object";
import { compileAmbient } from "./waypoint";
import { checkGatewayRoutes } from "./waypoint/check-gateway-routes";
import { checkServices } from "./waypoint/check-routes";
import { checkSecurity } from "./waypoint/check-security";
import type { PolicyModel } from "./model";
import { compileNetworkPolicies } from "./network-policies";
import { Problems } from "./problems";
import { checkReleases } from "./releases";
import { resolve } from "./resolve";
import { compileSidecar } from "./istio-api";

/**
 * Compiles policies for the data planes of the mesh: objects sorted by kind, namespace and name. Names depend only on
 * what an object is about, so that reordering or adding other settings renames nothing.
 *
 * @throws PolicyError with every problem of the model, before anything is deployed.
 */
export function compilePolicies(model: PolicyModel): KubernetesObject[] {
  const resolved = resolve(model);
  const problems = new Problems();
  checkReleases(model, problems);
  checkServices(resolved, problems);
  checkGatewayRoutes(resolved, problems);
  checkSecurity(resolved, problems);
  problems.throwIfAny();
  const compiled = [...compileSidecar(resolved), ...compileAmbient(resolved), ...compileNetworkPolicies(resolved)];
  checkObjects(model.objects, compiled, problems);
  problems.throwIfAny();
  return sorted([...compiled, ...model.objects]);
}

/** An object that a user wrote out must not take the place of one that the settings make. */
function checkObjects(
  objects: PolicyModel["objects"],
  compiled: readonly KubernetesObject[],
  problems: Problems,
): void {
  const made = new Set(compiled.map(identity));
  for (const [index, object] of objects.entries()) {
    if (!made.has(identity(object))) continue;
    problems.add(
      `objects[${index}].metadata.name`,
      `found ${object.metadata.name}, and other settings make a ${object.kind} of that name; give it another, or say it there`,
    );
  }
}

function identity({ apiVersion, kind, metadata: { namespace, name } }: KubernetesObject): string {
  return [apiVersion.split("/")[0], kind, namespace, name].join(" ");
}

function sorted(objects: readonly KubernetesObject[]): KubernetesObject[] {
  // By code unit and not by locale, so that every machine has the same order. NUL sorts before all that names can hold.
  const keyed = objects.map((object) => ({
    key: [object.kind, object.metadata.namespace ?? "", object.metadata.name].join("\0"),
    object,
  }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ object }) => object);
}
