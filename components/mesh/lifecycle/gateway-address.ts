import { rootNamespace } from "../../shared/istio";
import { loadBalancerAddress } from "../../shared/kubernetes/readiness";
import { type StepContext, waitForStep } from "../../shared/step/program";
import { missingOf } from "./mesh-state";
import type { GatewayExtra, StepRequests } from "./steps";

/** Seconds for a gateway's pods, as for a Helm release; see shared/helm-release.ts. */
const rolloutSeconds = 600;

/**
 * Waits for a gateway behind a load balancer, which its release does not: Helm would wait for an address until its timeout,
 * mark the release as failed and remove the gateway again without a reason. Also waits for a gateway or a waypoint that
 * istiod deploys, because istiod reports it as programmed before all its pods run.
 *
 * @returns the address that the load balancer has given
 */
export async function gatewayAddress(
  context: StepContext,
  { namespace, release, addressSeconds, unset = [] }: StepRequests["gateway-address"],
): Promise<{ readonly address?: string }> {
  const { server } = context;
  const kubectl = `kubectl -n ${namespace}`;
  const next = `see ${kubectl} describe deployment/${release} and ${kubectl} describe pods; then run the same command again`;
  await waitForStep(context, { seconds: rolloutSeconds, next }, async () => {
    const found = await server.get({ apiVersion: "apps/v1", kind: "Deployment", namespace, name: release });
    if (!found) return `there is no Deployment ${namespace}/${release}`;
    const missing = missingOf(found);
    return missing === undefined ? undefined : `${release}: ${missing}`;
  });
  await removeUnset(context, { namespace, name: release }, unset);
  if (addressSeconds === undefined) return {};
  let address = "";
  const remedy =
    "install something that assigns addresses (MetalLB, Cilium's LB IPAM, or the cloud's own controller), " +
    `or set serviceType: NodePort for this gateway in talos-mesh:gateways; details: ${kubectl} describe service ${release}`;
  await waitForStep(context, { seconds: addressSeconds, next: remedy }, async () => {
    const service = await server.get({ apiVersion: "v1", kind: "Service", namespace, name: release });
    address = (service && loadBalancerAddress(service)) ?? "";
    return address === "" ? `no load balancer has given Service ${namespace}/${release} an address` : undefined;
  });
  return { address };
}

const apiVersions: { readonly [Kind in GatewayExtra]: string } = {
  HorizontalPodAutoscaler: "autoscaling/v2",
  PodDisruptionBudget: "policy/v1",
};

/**
 * istiod applies what its template renders and deletes nothing, so that objects for an earlier setting would stay in effect.
 * Source: istio/istio, pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go.
 */
async function removeUnset(
  context: StepContext,
  target: { readonly namespace: string; readonly name: string },
  kinds: readonly GatewayExtra[],
): Promise<void> {
  const { server, log } = context;
  for (const kind of kinds) {
    const reference = { apiVersion: apiVersions[kind], kind, ...target };
    const title = `${kind} ${target.namespace}/${target.name}, which no setting requests any more`;
    const remove = async () => {
      const found = await server.get(reference);
      if (found?.metadata.labels?.["gateway.istio.io/managed"] !== "istio.io-gateway-controller") return undefined;
      await server.delete(reference);
      return `${title}, exists again`;
    };
    if ((await remove()) === undefined) continue;
    log(`removed ${title}`);
    const next = `see kubectl -n ${rootNamespace} logs -l app=istiod; then run the same command again`;
    // An istiod that has not seen the change yet may create it once more.
    await waitForStep(context, { seconds: 60, consecutive: 2, next }, remove);
  }
}
