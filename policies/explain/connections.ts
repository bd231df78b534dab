import { clusterHost, type MeshService, type PolicyModel } from "../../components/model/policies/policy-model";
import { hiddenBy, isSelected } from "../../components/model/policies/known-hosts";
import { type MeshWorkload, workloadKey } from "../../components/model/names";
import type { TlsRuleSettings } from "../../components/settings/sections/connection-rule";
import { isEncrypted, isHttp, onlyPort } from "../../components/shared/workload";
import { routeTitle } from "../destinations";
import { scopedHosts } from "../istio-api/sidecars";
import { originatesTls, tlsAt } from "../gateway-tls";
import { connectionMatches } from "./conditions";
import type { ExplainedRequest } from "./request";

/** The port to which a client sends a request, where the question names none. */
export function defaultPort({ ports }: Pick<MeshWorkload, "ports">): number {
  return onlyPort(ports, isHttp) ?? ports[0]?.port ?? 0;
}

/** The rule that takes a connection whose bytes no proxy reads. @param sni undefined where it is not known */
export function connectionRule(rules: readonly TlsRuleSettings[], request: ExplainedRequest, sni: string | undefined) {
  const isMatch = ({ match }: TlsRuleSettings) => match?.some((one) => connectionMatches(one, request, sni)) ?? true;
  const index = rules.findIndex(isMatch);
  const rule = rules[index];
  return rule && { rule, index };
}

export function connectionTitle({ route }: TlsRuleSettings): string {
  return `its connection goes to ${route ? routeTitle(route) : "the service itself"}`;
}

/** The mode of TLS that a proxy uses for a service in place of mTLS. In ambient, ztunnel's mTLS is around it. */
export function modeWithoutMtls(service: MeshService | undefined, { caller, port }: ExplainedRequest) {
  if (!caller || !service || service.dataPlane === "ambient") return undefined;
  const { trafficPolicy, exposures, ports } = service;
  const tls = tlsAt(trafficPolicy, port);
  const mode = tls?.mode;
  // Clients in the mesh speak TLS to an encrypted port themselves, and only gateways originate it (gateway-tls.ts).
  const isForGateways = originatesTls(tls) && ports.some((one) => one.port === port && isEncrypted(one));
  if (isForGateways && !exposures.some(({ gateway }) => workloadKey(gateway) === workloadKey(caller))) return undefined;
  return mode === "ISTIO_MUTUAL" ? undefined : mode;
}

/** What a sidecar does with a request to a service that its Sidecar hides. */
export function unknownToClient(
  model: PolicyModel,
  { namespace, name }: Pick<MeshWorkload, "namespace" | "name">,
  target: MeshWorkload,
) {
  const client = model.names.findWorkload(namespace, name);
  const service = { namespace: target.namespace, host: clusterHost(target) };
  const known = client && (hiddenBy(model.knownHosts, client, service) ?? unscoped(model, client, service));
  if (!known) return undefined;
  const isBlocked = known.others === "REGISTRY_ONLY";
  const effect = isBlocked ? "it is blocked (REGISTRY_ONLY)" : "it goes to the service itself, without mTLS and routes";
  return {
    what: `the sidecar of ${name} does not know ${target.name}: ${effect}`,
    path: known.path,
    isBlocked,
  };
}

/** What hides a service that no allow rule lets a workload call. */
function unscoped(
  model: PolicyModel,
  client: MeshWorkload,
  service: Pick<MeshWorkload, "namespace"> & { host: string },
) {
  const hosts = scopedHosts(model, client);
  if (!hosts || isSelected(hosts, client.namespace, service)) return undefined;
  const others = model.egress ? "REGISTRY_ONLY" : model.outboundTrafficPolicy;
  return { path: ["mesh", "sidecarScoping"], others };
}

/** As a server sees a client without a certificate. */
export function anonymous(request: ExplainedRequest): ExplainedRequest {
  return { ...request, caller: undefined, principal: undefined };
}
