import { policyName, targetPolicyName } from "../../components/model/object-names";
import { type MtlsMode, mtlsModes, type PolicyModel } from "../../components/model/policies/policy-model";
import type { JwtSettings } from "../../components/settings/sections/security";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { rootNamespace } from "../../components/shared/istio";
import { type IstioSpecs, istioObject } from "../api-objects";
import { attachment, selector } from "../attachment";

type JwtRule = NonNullable<IstioSpecs["RequestAuthentication"]["jwtRules"]>[number];

/**
 * The mTLS mode of the mesh, `default` in the root namespace, and its exceptions. The kubelet's probes work with STRICT
 * too: the injector redirects them to the sidecar's agent.
 *
 * https://istio.io/latest/docs/reference/config/security/peer_authentication/
 */
export function peerAuthentications(model: PolicyModel): KubernetesObject<IstioSpecs["PeerAuthentication"]>[] {
  const ofMesh = { namespace: rootNamespace, name: "default", from: ["mesh", "mtls"] };
  const exceptions = model.mtlsExceptions.map(({ path: from, target, settings: { mode, ports, reason } }) => {
    const [workload] = target.kind === "workload" ? target.workloads : [];
    // The pod's own proxy reads it, also behind a waypoint.
    const podPort = (number: string) =>
      workload?.ports.find(({ port }) => String(port) === number)?.targetPort ?? number;
    const portModes = ports && Object.entries(ports).map(([port, portMode]) => [podPort(port), { mode: portMode }]);
    // Sidecars take the mode of the namespace or the mesh where none is given; ztunnel's rules are made from one that is.
    const inherited = workload?.dataPlane === "ambient" ? mtlsModes(model, workload).all[0] : undefined;
    const given = mode ?? inherited;
    const spec = {
      ...(workload && selector(workload.labels)),
      ...(given && { mtls: { mode: given } }),
      ...(portModes && { portLevelMtls: Object.fromEntries(portModes) as Record<string, { mode: MtlsMode }> }),
    };
    const name = workload ? policyName(workload.name, "mtls") : "default";
    const place = { namespace: target.namespace, name, from, ...(reason !== undefined && annotation(reason)) };
    return istioObject("PeerAuthentication", place, spec);
  });
  return [istioObject("PeerAuthentication", ofMesh, { mtls: { mode: model.mtls } }), ...exceptions];
}

function annotation(reason: string) {
  return { annotations: { "talos-mesh/reason": reason } };
}

/**
 * The issuers whose tokens a target accepts, one object for each target. That a request must have a token is a DENY
 * policy (authorization.ts).
 *
 * https://istio.io/latest/docs/reference/config/security/request_authentication/
 */
export function requestAuthentications(model: PolicyModel): KubernetesObject<IstioSpecs["RequestAuthentication"]>[] {
  return model.tokenRules.map(({ path: from, target, issuers }) => {
    const place = { namespace: target.namespace, name: targetPolicyName(target, "jwt"), from };
    return istioObject("RequestAuthentication", place, {
      ...attachment(target),
      jwtRules: issuers.map(({ settings }) => jwtRule(settings)),
    });
  });
}

function jwtRule(settings: JwtSettings): JwtRule {
  const { issuer, audiences, jwksUri, jwks, forwardOriginalToken, claimsToHeaders, spaceDelimitedClaims } = settings;
  const { timeout, fromHeaders, fromParams, fromCookies, outputPayloadToHeader } = settings;
  const headers = Object.entries(claimsToHeaders ?? {}).map(([claim, header]) => ({ header, claim }));
  return {
    issuer,
    ...(audiences.length > 0 && { audiences }),
    ...(jwksUri !== undefined && { jwksUri }),
    // Without whitespace, for readers of `kubectl get`.
    ...(jwks !== undefined && { jwks: JSON.stringify(JSON.parse(jwks)) }),
    ...(timeout !== undefined && { timeout }),
    ...(fromHeaders && { fromHeaders }),
    ...(fromParams && { fromParams }),
    ...(fromCookies && { fromCookies }),
    ...(forwardOriginalToken && { forwardOriginalToken }),
    ...(outputPayloadToHeader !== undefined && { outputPayloadToHeader }),
    ...(headers.length > 0 && { outputClaimToHeaders: headers }),
    ...(spaceDelimitedClaims && { spaceDelimitedClaims }),
  };
}
