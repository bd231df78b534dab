import { ambientRefusal } from "../../../policies/capabilities";
import { encryptedPorts } from "../../../policies/gateway-tls";
import type { MeshWorkload } from "../../model/names";
import { mtlsModes, type PolicyModel } from "../../model/policies/policy-model";
import type { TrafficSettings } from "../../settings/sections/traffic";
import {
  certificateFields,
  type ClientTlsSettings,
  isFromSecret,
  type TrafficPolicySettings,
} from "../../settings/sections/traffic-policy";
import { type Problem, problemsOf, type Refusal, refusalOfEach } from "../../shared/problem";
import { checkEach, runChecks } from "../../shared/unknown";
import { proxyRemedy } from "../check";
import { hasPods, isEncrypted, type ServicePort } from "../../shared/workload";

/** TLS that proxies would speak to a service of the mesh, and that it would not accept. */
export function clientTlsProblems(model: PolicyModel, { services }: TrafficSettings): Iterable<Problem> {
  const encryptedOf = encryptedPorts(model);
  return checkEach(services, ["traffic", "services"], (service, path) => {
    const workload = model.names.workload(service.host, service.namespace);
    const behindGateway = ({ port }: ServicePort) => encryptedOf(workload).has(port);
    const ofPolicy = (policy: TrafficPolicySettings | undefined): Refusal => {
      const levels = policy?.portLevelSettings ?? [];
      const isOwn = ({ port }: ServicePort) => !levels.some((level) => level.port.number === port);
      return {
        tls: policy?.tls && ofMode(policy.tls, workload.ports.filter(isOwn), workload, model, behindGateway),
        portLevelSettings: refusalOfEach(levels, ({ port: { number }, tls }) => {
          const ports = workload.ports.filter(({ port }) => port === number);
          return { tls: tls && ofMode(tls, ports, workload, model, behindGateway) };
        }),
      };
    };
    return runChecks(
      () => problemsOf({ trafficPolicy: ofPolicy(service.trafficPolicy) }, path),
      () =>
        checkEach(service.subsets, [...path, "subsets"], (subset, at) =>
          typeof subset === "string" ? [] : problemsOf({ trafficPolicy: ofPolicy(subset.trafficPolicy) }, at),
        ),
    );
  });
}

/** Source: istio/istio, pilot/pkg/networking/core, cluster_tls.go and cluster_waypoint.go, buildWaypointTLSContext. */
function ofMode(
  tls: ClientTlsSettings,
  ports: readonly ServicePort[],
  workload: MeshWorkload,
  model: PolicyModel,
  behindGateway: (port: ServicePort) => boolean,
): Refusal {
  const { mode, credentialName } = tls;
  const { name, namespace, dataPlane, waypoint } = workload;
  const forGateways = ports.length > 0 && ports.every((port) => isEncrypted(port) && behindGateway(port));
  const encrypted = forGateways ? undefined : ports.find(isEncrypted);
  const details = tlsDetails(tls, encrypted && { number: encrypted.port, protocol: encrypted.protocol });
  const originates = mode === "SIMPLE" || mode === "MUTUAL";
  if (dataPlane === "ambient" && !originates) return { mode: `found ${mode}; ${ambientRefusal("clientMtls")}` };
  const modes = mtlsModes(model, workload);
  const portWith = (wanted: string) =>
    dataPlane === "sidecar" ? ports.find(({ port }) => modes.at(port) === wanted)?.port : undefined;
  const strict = mode === "ISTIO_MUTUAL" ? undefined : portWith("STRICT");
  const disabled = mode === "ISTIO_MUTUAL" ? portWith("DISABLE") : undefined;
  return [
    {
      mode: [
        strict !== undefined &&
          `found ${mode}, and port ${strict} of ${name} accepts mTLS only (STRICT), so every request would fail; ` +
            `remove it, as proxies speak mTLS by themselves, or add { namespace: ${namespace}, workload: ${name}, mode: PERMISSIVE } to talos-mesh:security.peerAuthentication`,
        disabled !== undefined &&
          `found ISTIO_MUTUAL, and port ${disabled} of ${name} has no mTLS (DISABLE in talos-mesh:security.peerAuthentication), so every request would fail; remove one of the two`,
        mode === "ISTIO_MUTUAL" &&
          dataPlane === "none" &&
          `found ISTIO_MUTUAL, and ${name} has no proxy that accepts it, so every request would fail; ${hasPods(workload) ? proxyRemedy(namespace) : "remove it"}`,
      ],
      credentialName:
        isFromSecret(credentialName) &&
        originates &&
        !waypoint &&
        !forGateways &&
        "sidecars read no Secret; mount the files into the sidecars of the clients and name them: clientCertificate, privateKey, caCertificates",
    },
    details,
  ];
}

/**
 * What Istio refuses, or would do to connections that are encrypted already.
 * Source: istio/istio, pkg/config/validation/agent, ValidateTLS.
 */
export function tlsDetails(
  tls: ClientTlsSettings,
  encrypted: { readonly number: number; readonly protocol: string } | undefined,
): Refusal {
  const { mode, credentialName, subjectAltNames, insecureSkipVerify, caCertificates } = tls;
  const originates = mode === "SIMPLE" || mode === "MUTUAL";
  const details = Object.keys(tls).filter((key) => key !== "mode" && key !== "sni" && key !== "subjectAltNames");
  if (!originates) return details.length > 0 && `${details.join(", ")}: only for modes SIMPLE and MUTUAL; remove it`;
  const files = certificateFields.filter((field) => tls[field] !== undefined);
  return [
    encrypted &&
      `port ${encrypted.number} has protocol ${encrypted.protocol}, so the workload speaks TLS already, and the proxy would encrypt it again; ` +
        "set it under portLevelSettings for a port of protocol HTTP",
    credentialName !== undefined &&
      files.length > 0 &&
      `found credentialName and ${files.join(", ")}; expected the Secret or the files`,
    mode === "MUTUAL" &&
      credentialName === undefined &&
      !(files.includes("clientCertificate") && files.includes("privateKey")) &&
      "MUTUAL needs a client certificate: credentialName, or clientCertificate and privateKey",
    mode === "SIMPLE" &&
      files.some((field) => field !== "caCertificates") &&
      "SIMPLE sends no client certificate; set mode: MUTUAL, or remove clientCertificate and privateKey",
    insecureSkipVerify === true &&
      (subjectAltNames ?? caCertificates ?? (mode === "SIMPLE" ? credentialName : undefined)) !== undefined &&
      "insecureSkipVerify verifies nothing; remove it, or what it would not verify",
  ];
}
