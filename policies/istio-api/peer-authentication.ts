import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import type { ResolvedModel } from "../resolve/resolved";
import { type IstioSpecs, istioObject } from "./istio-object";

/**
 * The mesh's mTLS mode, `default` in the root namespace, and its exceptions. Probes of the kubelet go on under STRICT:
 * the injector sends them through the sidecar's agent.
 *
 * https://istio.io/latest/docs/reference/config/security/peer_authentication/
 */
export function compilePeerAuthentication(model: ResolvedModel): KubernetesObject<IstioSpecs["PeerAuthentication"]>[] {
  const mesh = istioObject(
    "PeerAuthentication",
    { namespace: model.rootNamespace, name: "default" },
    { mtls: { mode: model.mtls } },
  );
  const exceptions = model.mtlsExceptions.map(({ settings: { namespace, workload, mode, ports, reason } }) =>
    istioObject(
      "PeerAuthentication",
      {
        namespace,
        name: workload === undefined ? "default" : `${workload}.mtls`,
        annotations: { "talos-mesh/reason": reason },
      },
      {
        ...(workload !== undefined && { selector: { matchLabels: { app: workload } } }),
        mtls: { mode },
        ...(ports && {
          portLevelMtls: Object.fromEntries(
            Object.entries(ports).map(([port, portMode]) => [port, { mode: portMode }]),
          ),
        }),
      },
    ),
  );
  return [mesh, ...exceptions];
}
