import type { KubernetesObject } from "../../components/shared/kubernetes-object";
import type { PolicyModel } from "../model";
import { resolve } from "../resolve";
import type { ResolvedModel } from "../resolve/resolved";
import { compileAuditLog } from "./audit-log";
import { compileAuthorization } from "./authorization";
import { compileDestinationRules } from "./destination-rules";
import { compileGateways } from "./gateways";
import { compilePeerAuthentication } from "./peer-authentication";
import { compileRequestAuthentication } from "./request-authentication";
import { compileScoping } from "./scoping";
import { compileVirtualServices } from "./virtual-services";

const compilers: readonly ((model: ResolvedModel) => KubernetesObject[])[] = [
  compileGateways,
  compileVirtualServices,
  compileDestinationRules,
  compilePeerAuthentication,
  compileRequestAuthentication,
  compileAuthorization,
  compileAuditLog,
  compileScoping,
];

/**
 * Compiles policies for sidecars: objects of Istio's API, sorted by kind, namespace and name. Names depend only on what
 * an object is about, so that reordering or adding other settings renames nothing.
 *
 * @throws PolicyError with every problem of the model.
 */
export function compileSidecar(model: PolicyModel): KubernetesObject[] {
  const resolved = resolve(model);
  return sorted(compilers.flatMap((compile) => compile(resolved)));
}

function sorted(objects: readonly KubernetesObject[]): KubernetesObject[] {
  // By code unit and not by locale, so that every machine has the same order. NUL sorts before all that names can hold.
  const keyed = objects.map((object) => ({
    key: [object.kind, object.metadata.namespace ?? "", object.metadata.name].join("\0"),
    object,
  }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ object }) => object);
}
