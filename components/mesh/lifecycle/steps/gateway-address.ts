import type { LiveObject } from "../../../shared/api-server";
import { type StepContext, waitFor } from "../context";
import { missingOf } from "../live";
import type { StepRequests } from "../requests";

/** Seconds for a gateway's pods, as Helm gives them; see shared/helm-release.ts. */
const rolloutSeconds = 600;

/** How a load balancer tells what it has given a Service. */
interface Ingress {
  readonly ip?: string;
  readonly hostname?: string;
}

/**
 * Waits for a gateway behind a load balancer, which its release does not: Helm would wait for an address until its
 * timeout, call the release failed and take the gateway away again, and not say why. And for one that istiod deploys:
 * istiod calls a Gateway programmed before any pod of it runs.
 *
 * @returns the address that the load balancer has given
 */
export async function gatewayAddress(
  context: StepContext,
  { namespace, release, addressSeconds }: StepRequests["gateway-address"],
): Promise<{ readonly address?: string }> {
  const { server } = context;
  const kubectl = `kubectl -n ${namespace}`;
  await waitFor(
    context,
    {
      seconds: rolloutSeconds,
      next: `see ${kubectl} describe pods -l app=${release}; then run the same command again`,
    },
    async () => {
      const found = await server.get({ apiVersion: "apps/v1", kind: "Deployment", namespace, name: release });
      return found ? missingOf(found) : `there is no Deployment ${namespace}/${release}`;
    },
  );
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

function addressOf(service: LiveObject | undefined): string | undefined {
  const { ingress = [] } = (service?.status?.loadBalancer ?? {}) as { ingress?: readonly Ingress[] };
  const [first] = ingress;
  return first?.ip ?? first?.hostname;
}
