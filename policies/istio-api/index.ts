import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import type { ResolvedModel } from "../resolve/resolved";
import { compileAuditLog } from "./audit-log";
import { compileAuthorization } from "./authorization";
import { compileDestinationRules } from "./destination-rules";
import { compileEgress } from "./egress";
import { compileEgressGateway } from "./egress-gateway";
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
  compileEgress,
  compileEgressGateway,
  compileScoping,
];

/** Objects of Istio's API for gateways, for the whole mesh, and for namespaces with sidecars. */
export function compileSidecar(model: ResolvedModel): KubernetesObject[] {
  return compilers.flatMap((compile) => compile(model));
}
