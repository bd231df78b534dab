import type { LiveObject } from "../../../shared/kubernetes/api-server";
import { rootNamespace } from "../../../shared/istio";
import { type StepContext, waitFor } from "../context";
import { missingOf } from "../live";
import type { GatewayExtra, StepRequests } from "../requests";

/** Seconds for a gateway's pods, as Helm gives them; see shared/helm-release.ts. */
const rolloutSeconds = 600;

/** How a load balancer tells what it has given a Service. */
interface Ingress {
  readonly ip?: string;
  readonly hostname?: string;
}

/**
 * Waits for a gateway behind a load balancer, which its release does not: Helm would wait for an address until its
 * timeout, call the release failed and take the gateway away again, and not say why. And for a gateway or a waypoint that
 * istiod deploys: istiod calls it programmed before all its pods run.
 *
 * @returns the address that the load balancer has given
 */
export async function gatewayAddress(
  context: StepContext,
  { namespace, release, addressSeconds, unset = [] }: StepRequests["gateway-address"],
): Promise<{ readonly address?: string }> {
  const { server } = context;
  const kubectl = `kubectl -n ${namespace}`;
  await waitFor(
    context,
    {
      seconds: rolloutSeconds,
      next: `see ${kubectl} describe deployment/${release} and ${kubectl} describe pods; then run the same command again`,
    },
    async () => {
      const found = await server.get({ apiVersion: "apps/v1", kind: "Deployment", namespace, name: release });
      return found ? missingOf(found) : `there is no Deployment ${namespace}/${release}`;
    },
  );
  await removeUnset(context, { namespace, name: release }, unset);
  if (addressSeconds === undefined) return {};
  let address = "";
  await waitFor(
    context,
    {
      seconds: addressSeconds,
      next:
        "give the cluster something that hands out addresses (MetalLB, Cilium's LB IPAM, or the cloud's own controller), " +
        `or set serviceType: NodePort for this gateway in talos-mesh:gateways; ${kubectl} describe service ${release} may say more`,
    },
    async () => {
      const service = await server.get({ apiVersion: "v1", kind: "Service", namespace, name: release });
      address = addressOf(service) ?? "";
      return address === "" ? `no load balancer has given Service ${namespace}/${release} an address` : undefined;
    },
  );
  return { address };
}

const apiVersions: { readonly [Kind in GatewayExtra]: string } = {
  HorizontalPodAutoscaler: "autoscaling/v2",
  PodDisruptionBudget: "policy/v1",
};

/**
 * istiod applies what its template renders and deletes nothing, so what a setting has once asked for would act on.
 * Source: istio/istio, pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go.
 */
async function removeUnset(
  context: StepContext,
  where: { readonly namespace: string; readonly name: string },
  kinds: readonly GatewayExtra[],
): Promise<void> {
  const { server, say } = context;
  for (const kind of kinds) {
    const reference = { apiVersion: apiVersions[kind], kind, ...where };
    const told = `${kind} ${where.namespace}/${where.name}`;
    const look = async () => {
      const found = await server.get(reference);
      if (found?.metadata.labels?.["gateway.istio.io/managed"] !== "istio.io-gateway-controller") return undefined;
      await server.delete(reference);
      return `${told}, which no setting asks for any more, is there again`;
    };
    if ((await look()) === undefined) continue;
    say(`removed ${told}, which no setting asks for any more`);
    const next = `see kubectl -n ${rootNamespace} logs -l app=istiod; then run the same command again`;
    // An istiod that has not seen the change yet may make it once more.
    await waitFor(context, { seconds: 60, inARow: 2, next }, look);
  }
}

function addressOf(service: LiveObject | undefined): string | undefined {
  const { ingress = [] } = (service?.status?.loadBalancer ?? {}) as { ingress?: readonly Ingress[] };
  const [first] = ingress;
  return first?.ip ?? first?.hostname;
}
